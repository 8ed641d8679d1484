// Owns: the room as this client knows it: stored images at a `seq`, other people's unfinished drags, one's own
// unanswered edits over them, people, chat. Fed with the server's frames; free of DOM and of sockets.
// Not here: when edits are sent (session.js), how anything looks (canvas.js, people.js, chat.js).

import { Emitter } from './events.js';
import { compareImages } from './order.js';

const CHAT_KEPT = 500;

/**
 * Emits `image` (id) when one image may look different, `images` when all may, `users`, `cursor` and `viewport` (clientId),
 * `chat`, `room`, and `gap` when a stored event was missed, after which only a new `state:sync` can help.
 */
export class Replica extends Emitter {
  epoch = null;
  seq = null;
  me = null; // one's own client id, and one's own user id
  userId = null;
  role = null;
  room = null;
  reason = null; // what an owner said who threw one out
  users = new Map();
  chat = new Map();

  #outbox;
  #stored = new Map();
  #drags = new Map(); // image id → Map(client id → fields): transient changes of others
  #drafts = new Map(); // image id → fields: one's own drag, not yet an edit
  #parts = [];

  constructor(outbox) {
    super();
    this.#outbox = outbox;
  }

  /** Where to go on from after a reconnect. */
  get since() {
    return this.epoch === null ? undefined : { epoch: this.epoch, seq: this.seq };
  }

  get canEdit() {
    if (this.role === 'owner') return true;
    return this.role === 'editor' && !this.room?.locked;
  }

  // ---- what to show ---------------------------------------------------------------------------------------------

  /** The image as it should look now, or null when there is none. */
  image(id) {
    let image = this.#stored.get(id) ?? null;
    for (const fields of this.#drags.get(id)?.values() ?? []) image = merged(image, fields);
    for (const entry of this.#outbox) image = withEdit(image, id, entry);
    const draft = this.#drafts.get(id);
    return draft ? merged(image, draft) : image;
  }

  /** Everything there is, bottom first. */
  images() {
    return this.unordered().sort(compareImages);
  }

  unordered() {
    const ids = new Set(this.#stored.keys());
    for (const entry of this.#outbox) if (entry.type === 'image:add') ids.add(entry.data.id);
    return [...ids].map((id) => this.image(id)).filter((image) => image !== null);
  }

  get empty() {
    for (const id of this.#stored.keys()) if (this.image(id) !== null) return false;
    return this.unordered().length === 0;
  }

  /** The client that is dragging this image at the moment, if it is someone else. */
  dragger(id) {
    return [...(this.#drags.get(id)?.keys() ?? [])].at(-1) ?? null;
  }

  /** Images that someone else is dragging at the moment. */
  dragged() {
    return [...this.#drags.keys()].filter((id) => this.dragger(id) !== null);
  }

  // ---- one's own side -------------------------------------------------------------------------------------------

  draft(id, fields) {
    this.#drafts.set(id, { ...this.#drafts.get(id), ...fields });
    this.emit('image', id);
  }

  endDraft(id) {
    const fields = this.#drafts.get(id);
    this.#drafts.delete(id);
    if (fields) this.emit('image', id);
    return fields;
  }

  /** The outbox changed under us. */
  refresh(entry) {
    if (entry.type === 'chat:message') this.emit('chat');
    else if (entry.type.startsWith('image:')) this.emit('image', entry.data.id);
  }

  // ---- the server's side ----------------------------------------------------------------------------------------

  apply(frame) {
    const { type, data, clientId, seq } = frame;
    switch (type) {
      case 'room:joined': return this.#joined(data);
      case 'state:sync': return this.#sync(data);
      case 'user:list': return this.#list(data.users);
      case 'user:joined':
      case 'user:updated': return this.#user(data);
      case 'user:left': return this.#left(data.clientId ?? clientId);
      case 'cursor:move': return this.#person(clientId, { cursor: data }, 'cursor');
      case 'presence': return this.#cursors(data);
      case 'canvas:transform': return this.#person(clientId, { viewport: data }, 'viewport');
      case 'ack': return this.#ack(data);
      case 'error': return this.#refused(data);
      default: return this.#event(type, data, clientId, seq, frame.timestamp);
    }
  }

  #joined(data) {
    this.me = data.clientId;
    this.userId = data.userId;
    this.reason = null;
    this.role = data.role;
    this.room = data.room;
    this.emit('room');
  }

  #sync(data) {
    if (data.part === 1) this.#parts = [];
    if (data.mode === 'delta') {
      for (const op of data.ops) this.#event(op.type, op.data, op.clientId, op.seq, op.timestamp, true);
    } else {
      this.#parts.push(data);
    }
    if (data.part < data.parts) return;
    if (data.mode === 'full') {
      this.#stored = new Map(this.#parts.flatMap((part) => part.images.map((image) => [image.id, image])));
      const chat = this.#parts[0]?.chat;
      if (chat) this.chat = new Map(chat.map((message) => [message.id, message]));
    }
    this.#parts = [];
    this.#drags.clear();
    this.epoch = data.epoch;
    this.seq = data.seq;
    this.emit('images');
    this.emit('chat');
  }

  /** A stored event takes the next `seq`; one without `seq` is a drag, or the end of one. */
  #event(type, data, clientId, seq, timestamp, missed = false) {
    const place = seq === undefined ? 'none' : this.#place(seq, missed);
    if (place === 'gap') return this.emit('gap');
    // The echo of one's own words may come behind the ack that bears the same seq.
    if (type === 'chat:message') return this.#said({ ...data, clientId, timestamp });
    // So may the one of one's own change to the room.
    if (place === 'old' && !(type === 'room:update' && seq === this.seq)) return undefined;
    switch (type) {
      case 'image:add': return this.#store(data.id, { rotation: 0, ...data });
      case 'image:remove': return this.#store(data.id, null);
      case 'image:transform':
        if (data.transient) return this.#drag(data, clientId);
        if (place === 'new') return this.#store(data.id, merged(this.#stored.get(data.id) ?? null, data));
        // Stored values without a seq end a drag whose author fell silent. What is stored is known already.
        return this.#undrag(data.id);
      case 'room:update':
        this.room = { ...this.room, ...data };
        return this.emit('room');
      case 'member:kick':
      case 'member:ban':
        if (data.userId === this.userId) this.reason = data.reason ?? null;
        return undefined;
      default: return undefined;
    }
  }

  #place(seq, missed) {
    if (this.seq !== null && seq <= this.seq) return 'old';
    if (!missed && this.seq !== null && seq > this.seq + 1) return 'gap';
    this.seq = seq;
    return 'new';
  }

  #store(id, image) {
    if (image === null) this.#stored.delete(id);
    else this.#stored.set(id, image);
    this.#drags.delete(id);
    this.emit('image', id);
  }

  #drag({ id, transient: _, ...fields }, clientId) {
    if (!this.#stored.has(id) || clientId === this.me) return;
    const drags = this.#drags.get(id) ?? new Map();
    const before = drags.get(clientId);
    drags.delete(clientId); // the latest mover wins, so it goes to the end
    drags.set(clientId, { ...before, ...fields });
    this.#drags.set(id, drags);
    this.emit('image', id);
  }

  #undrag(id) {
    if (this.#drags.delete(id)) this.emit('image', id);
  }

  #said(message) {
    if (this.chat.has(message.id)) return;
    this.chat.set(message.id, message);
    if (this.chat.size > CHAT_KEPT) this.chat.delete(this.chat.keys().next().value);
    if (message.clientId === this.me) {
      for (const entry of this.#outbox) {
        if (entry.type !== 'chat:message' || entry.echoed) continue;
        entry.echoed = true; // it is in the log; only its ack is still under way
        break;
      }
    }
    this.emit('chat');
  }

  #ack({ id, seq, set }) {
    const place = this.#place(seq, false);
    if (place === 'gap') return this.emit('gap');
    const entry = this.#outbox.take(id);
    if (!entry) return undefined;
    // An old seq: a resent edit that was in the snapshot or the delta already.
    if (place === 'new' && entry.type.startsWith('image:')) this.#settle(entry, set);
    return this.refresh(entry);
  }

  #settle({ type, data }, set) {
    const stored = this.#stored.get(data.id) ?? null;
    if (type === 'image:add') this.#store(data.id, { rotation: 0, ...data, ...set });
    else if (type === 'image:remove') this.#store(data.id, null);
    else this.#store(data.id, merged(stored, { ...data, ...set }));
  }

  #refused({ ref, truth }) {
    const entry = this.#outbox.take(ref);
    if (!entry) return;
    if (truth !== undefined && entry.type.startsWith('image:')) this.#store(entry.data.id, truth);
    this.refresh(entry);
  }

  #list(users) {
    this.users = new Map(users.map((user) => [user.clientId, user]));
    for (const drags of this.#drags.values()) {
      for (const clientId of drags.keys()) if (!this.users.has(clientId)) drags.delete(clientId);
    }
    this.emit('users');
    this.emit('images');
  }

  #user(data) {
    this.users.set(data.clientId, { ...this.users.get(data.clientId), ...data });
    if (data.clientId === this.me && data.role) {
      this.role = data.role;
      this.emit('room');
    }
    this.emit('users');
  }

  /** All that moved since the last frame of this kind; our own pointer may be among them. */
  #cursors(entries) {
    for (const [clientId, x, y] of entries) {
      if (clientId !== this.me) this.#person(clientId, { cursor: x === null ? null : { x, y } }, 'cursor');
    }
  }

  #person(clientId, fields, event) {
    const user = this.users.get(clientId);
    if (!user) return;
    const woke = user.idle;
    this.users.set(clientId, { ...user, ...fields, idle: false });
    this.emit(event, clientId);
    if (woke) this.emit('users');
  }

  #left(clientId) {
    this.users.delete(clientId);
    for (const [id, drags] of this.#drags) if (drags.delete(clientId)) this.emit('image', id);
    this.emit('users');
  }
}

/** Per property, the last writer wins; a null further field means that it is absent. */
function merged(image, fields) {
  if (image === null) return null;
  const result = { ...image, ...fields };
  for (const key of Object.keys(fields)) if (fields[key] === null) delete result[key];
  return result;
}

function withEdit(image, id, { type, data }) {
  if (data.id !== id) return image;
  if (type === 'image:add') return { rotation: 0, ...data };
  if (type === 'image:remove') return null;
  return type === 'image:transform' ? merged(image, data) : image;
}
