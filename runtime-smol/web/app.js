// Owns: the wiring of the page: which screen, which room, what the buttons do.

import { Camera, boxAround, freePlace } from './camera.js';
import { Canvas } from './canvas.js';
import { showChat } from './chat.js';
import { showConnection } from './connection.js';
import { byId, toast } from './dom.js';
import { listenToKeys } from './keyboard.js';
import { device, tab, uuid } from './memory.js';
import { keyAbove } from './order.js';
import { Overlay } from './overlay.js';
import { showPeople } from './people.js';
import { Pointer, tenth } from './pointer.js';
import { isRoomId, suggestName, visit } from './rooms.js';
import { Selection } from './selection.js';
import { Session } from './session.js';
import { addressOf, showStart } from './start.js';
import { showTray } from './tray.js';

const LARGEST_SIDE = 300; // of a picture that was just added
const GAP = 20;
const WIDE = 1000;
const SMALL = 760;

const query = new URLSearchParams(location.search);
const room = query.get('room');
if (room === null) showStart();
else if (isRoomId(room)) enter(room);
else showStart('That is not a canvas name: letters, digits, dashes and underscores, 64 at most.');

function socketUrl(id) {
  const url = new URL(`/parties/main/${id}`, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const pk = tab.get('pk') ?? uuid();
  tab.set('pk', pk);
  url.searchParams.set('_pk', pk);
  for (const key of ['token', 'share', 'view']) if (query.has(key)) url.searchParams.set(key, query.get(key));
  return url.href;
}

function enter(id) {
  visit(device, id);
  if (!device.get('name')) device.set('name', suggestName());
  byId('room').hidden = false;
  const stage = byId('stage');
  const session = new Session(socketUrl(id), {
    profile: () => ({ name: device.get('name') ?? undefined }),
    memory: { get: () => tab.get(`resume.${id}`), set: (secret) => tab.set(`resume.${id}`, secret) },
    host: {
      WebSocket,
      now: Date.now,
      random: Math.random,
      prefix: uuid().slice(0, 8),
      setTimeout: (fn, delay) => setTimeout(fn, delay),
      clearTimeout: (timer) => clearTimeout(timer),
    },
  });
  const { replica } = session;
  const camera = new Camera();
  const selection = new Selection();
  const canvas = new Canvas({ stage, world: byId('world'), replica, camera });
  new Overlay({ layer: byId('overlay'), tools: byId('tools'), canvas, camera, replica, selection });
  const pointer = new Pointer({ stage, canvas, camera, session, selection });

  const frame = () => freeFrame(stage);
  const middle = () => ({ x: frame().x + frame().width / 2, y: frame().y + frame().height / 2 });
  const actions = {
    remove() {
      if (!replica.canEdit) return;
      for (const image of selection.ids) session.remove(image);
    },
    toFront() {
      if (!replica.canEdit) return;
      for (const image of selection.ids) {
        const top = replica.images().findLast((other) => other.z !== undefined);
        if (top && top.id !== image) session.transform(image, { z: keyAbove(top.z) });
      }
    },
    zoomBy: (factor) => camera.zoom(factor, middle()),
    fit() {
      const box = boxAround(replica.images());
      if (box) camera.fit(box, frame());
      else camera.set({ ...middle(), scale: innerWidth < SMALL ? 0.6 : 1 });
    },
  };

  function place({ src, title, width, height }, event) {
    if (!replica.canEdit) return toast('You may look at this canvas, not change it.', 'bad');
    const shown = frame();
    // Pictures added one after the other are of a size, unless one has zoomed far in or out.
    const unit = camera.scale > 0.3 && camera.scale < 3 ? 1 : 1 / camera.scale;
    const scale = Math.min(1, LARGEST_SIDE / Math.max(width, height)) * unit;
    const size = { width: tenth(Math.max(1, width * scale)), height: tenth(Math.max(1, height * scale)) };
    const spot = event ? dropped(event, size) : inView(size, shown, GAP * unit);
    const image = uuid();
    session.add({ id: image, src, x: tenth(spot.x), y: tenth(spot.y), ...size, title });
    selection.only(image);
    if (!event) camera.reveal({ ...spot, ...size }, shown);
    return undefined;
  }
  function dropped(event, size) {
    const { x, y } = camera.toWorld(pointer.at(event));
    return { x: x - size.width / 2, y: y - size.height / 2 };
  }
  function inView(size, shown, gap) {
    const view = { ...camera.toWorld(shown), width: shown.width / camera.scale, height: shown.height / camera.scale };
    return freePlace(size, view, replica.images(), gap);
  }

  listenToKeys({ session, selection, camera, pointer, actions });
  showTray({ stage, place, canEdit: () => replica.canEdit });
  showPeople(session);
  showConnection(session);
  wireSide(showChat(session, { isOpen: () => !byId('side').hidden }));
  wireHeader(id, replica);
  wireView({ id, session, camera, actions });
  for (const type of ['image', 'images']) replica.on(type, () => tidyUp(replica, selection));
  stage.addEventListener('focusin', (event) => {
    // What has the focus is what the keys act upon, however it got there.
    const image = canvas.idOf(event.target);
    if (image !== undefined) selection.only(image);
  });
  byId('to-front').addEventListener('click', actions.toFront);
  byId('delete').addEventListener('click', actions.remove);
  session.on('refused', ({ entry, message }) => {
    if (entry?.type !== 'chat:message' && session.state.phase === 'live') toast(message, 'bad');
  });
  canvas.invalidate();
  session.start();
}

function tidyUp(replica, selection) {
  for (const id of selection.ids) if (replica.image(id) === null) selection.drop(id);
  byId('empty').hidden = replica.seq === null || replica.images().length > 0;
}

/** The part of the stage that no panel covers, in its own pixels. */
function freeFrame(stage) {
  const { width, height } = stage.getBoundingClientRect();
  const side = byId('side');
  const right = !side.hidden && width >= WIDE ? side.offsetWidth + 40 : 32;
  return { x: 32, y: 84, width: Math.max(120, width - 32 - right), height: Math.max(120, height - 84 - 124) };
}

function wireHeader(id, replica) {
  const show = () => {
    const name = replica.room?.name || id;
    byId('room-name').textContent = name;
    document.title = `${name} · Kanvas`;
  };
  show();
  replica.on('room', () => {
    show();
    document.body.classList.toggle('view-only', replica.role !== null && !replica.canEdit);
  });
  byId('copy-link').addEventListener('click', async () => {
    const url = new URL(addressOf(id), location.origin);
    // A share link is meant to be passed on; a token is one's own.
    if (query.has('share')) url.searchParams.set('share', query.get('share'));
    try {
      await navigator.clipboard.writeText(url.href);
      toast('Link copied. Whoever opens it is here with you.');
    } catch {
      prompt('The link to this canvas:', url.href);
    }
  });
}

function wireSide(chat) {
  const side = byId('side');
  const toggle = byId('side-toggle');
  const open = (shown) => {
    side.hidden = !shown;
    toggle.setAttribute('aria-expanded', String(shown));
    document.body.classList.toggle('side-open', shown);
    if (shown) chat.opened();
  };
  toggle.addEventListener('click', () => {
    open(side.hidden);
    // On a touch screen this would bring up the keyboard over what one came to read.
    if (!side.hidden && matchMedia('(pointer: fine)').matches) byId('chat-text').focus();
  });
  byId('side-close').addEventListener('click', () => {
    open(false);
    toggle.focus();
  });
  side.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    open(false);
    toggle.focus();
  });
  open(innerWidth >= WIDE);
}

/** The zoom buttons, and the view that this tab comes back to after a reload. */
function wireView({ id, session, camera, actions }) {
  const key = `view.${id}`;
  let chosen = restore(camera, tab.get(key));
  if (!chosen) camera.set({ x: innerWidth / 2, y: innerHeight / 2, scale: 1 });
  const unfit = session.replica.on('images', () => {
    if (session.replica.seq === null) return;
    unfit();
    if (!chosen) actions.fit();
    chosen = true;
  });
  const show = () => { byId('zoom-level').textContent = `${Math.round(camera.scale * 100)}%`; };
  camera.on('move', () => {
    show();
    session.look({ x: tenth(camera.x), y: tenth(camera.y), scale: Math.round(camera.scale * 1e4) / 1e4 });
  });
  addEventListener('pagehide', () => tab.set(key, JSON.stringify(camera.view)));
  show();
  byId('zoom-in').addEventListener('click', () => actions.zoomBy(1.25));
  byId('zoom-out').addEventListener('click', () => actions.zoomBy(0.8));
  byId('zoom-level').addEventListener('click', () => actions.zoomBy(1 / camera.scale));
  byId('fit').addEventListener('click', actions.fit);
}

function restore(camera, text) {
  try {
    const view = JSON.parse(text);
    if (![view.x, view.y, view.scale].every(Number.isFinite)) return false;
    camera.set(view);
    return true;
  } catch {
    return false;
  }
}
