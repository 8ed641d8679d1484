// Owns: the live list of rooms as this page shows it: what the server said changes it, and nothing moves under a pointer.
// Free of DOM. Not here: the connection (feed.js), searches (browse.js).

export class Listing {
  #rooms = new Map(); // what is known
  #shown = []; // ids, in the order of the page
  #news = []; // came while the list was held, the latest first
  #held = false;

  /** False until the server has told the list for the first time. */
  known = false;

  get rooms() { return this.#shown.map((id) => this.#rooms.get(id)); }
  /** How many rooms wait to be shown. */
  get news() { return this.#news.length; }

  room(id) { return this.#rooms.get(id); }

  apply(frame) {
    switch (frame.type) {
      case 'rooms': return this.#replace(frame.rooms);
      case 'room-added': return this.#add(frame.room);
      case 'room-updated': return this.#update(frame.roomId, frame.updates);
      case 'room-removed': return this.#remove(frame.roomId);
      default: return undefined; // there will be more
    }
  }

  /** While somebody points at the list or is in it with the keyboard, rooms neither come nor go. */
  hold(held) {
    this.#held = held;
    if (!held) this.show();
  }

  /** What came is shown on top, what went goes. */
  show() {
    this.#shown = [...this.#news, ...this.#shown].filter((id) => this.#rooms.has(id) && !this.#rooms.get(id).gone);
    this.#news = [];
    for (const [id, { gone }] of this.#rooms) if (gone) this.#rooms.delete(id);
  }

  /** The latest activity first, as the server tells them: done when nobody is looking, since everything moves. */
  settle() {
    this.show();
    this.#shown.sort((a, b) => this.#rooms.get(b).lastActivity - this.#rooms.get(a).lastActivity);
  }

  /** After a reconnect the whole list comes again: what was shown keeps its place. */
  #replace(rooms) {
    const again = this.known;
    const come = new Map(rooms.map((room) => [room.id, room]));
    for (const [id, room] of this.#rooms) if (!come.has(id)) come.set(id, { ...room, gone: true });
    this.#rooms = come;
    this.known = true;
    if (!again) this.#shown = rooms.map(({ id }) => id);
    this.#news = rooms.map(({ id }) => id).filter((id) => !this.#shown.includes(id));
    if (!this.#held) this.show();
  }

  #add(room) {
    const there = this.#shown.includes(room.id) || this.#news.includes(room.id);
    this.#rooms.set(room.id, room);
    if (!there) this.#news.unshift(room.id);
    if (!this.#held) this.show();
  }

  #update(id, updates) {
    const room = this.#rooms.get(id);
    if (room) this.#rooms.set(id, { ...room, ...updates });
  }

  #remove(id) {
    const room = this.#rooms.get(id);
    if (!room) return;
    this.#rooms.set(id, { ...room, userCount: 0, gone: true });
    this.#news = this.#news.filter((other) => other !== id);
    if (!this.#held) this.show();
  }
}
