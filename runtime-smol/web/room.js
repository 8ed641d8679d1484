// Owns: one room on the page: makes its parts, joins them, and wires the buttons of its bars.
// Not here: which screen is shown (app.js), what actions do (actions.js).

import { createActions } from './actions.js';
import { Camera } from './camera.js';
import { Canvas } from './canvas.js';
import { wireAccount } from './account.js';
import { showConnection } from './connection.js';
import { Cursors } from './cursors.js';
import { announce, byId, onceAFrame } from './dom.js';
import { acceptDrops } from './drops.js';
import { Edits } from './edits.js';
import { Follow } from './follow.js';
import { showFollowing } from './following.js';
import { Handles } from './handles.js';
import { showHeader } from './header.js';
import { listenToKeys, wireHelp } from './keys.js';
import { showMap } from './map.js';
import { device, pkOf, tab, uuid } from './memory.js';
import { showPeople } from './people.js';
import { wirePerson } from './person.js';
import { createPlacer, sendTo } from './place.js';
import { Pointer } from './pointer.js';
import { sentenceFor } from './rights.js';
import { forget, visit } from './recents.js';
import { registryOf } from './registry.js';
import { suggestName } from './rooms.js';
import { Selection } from './selection.js';
import { Session } from './session.js';
import { wireSettings } from './settings.js';
import { wireShare } from './share.js';
import { showSide } from './side.js';
import { toast } from './toasts.js';
import { showTray } from './tray.js';
import { freeFrame, wireView } from './view.js';

function connect(id, query, identity) {
  const url = new URL(`/parties/main/${id}`, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const pk = pkOf(tab);
  const upload = new URL(`/assets?room=${id}`, location.href);
  for (const address of [url, upload]) {
    address.searchParams.set('_pk', pk);
    for (const key of ['share', 'view']) if (query.has(key)) address.searchParams.set(key, query.get(key));
  }
  const address = () => {
    const now = new URL(url);
    if (identity.token !== null) now.searchParams.set('token', identity.token); // a browser's socket sends no header
    return now.href;
  };
  const session = new Session(address, {
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
  return { session, send: sendTo(upload.href, () => identity.token) };
}

export function enter(id, query, identity) {
  if (!device.get('name')) device.set('name', suggestName());
  byId('room').hidden = false;
  const stage = byId('stage');
  const { session, send } = connect(id, query, identity);
  const { replica } = session;
  const edits = new Edits(session, { uuid });
  const camera = new Camera();
  const selection = new Selection();
  const { frame, stageSize } = freeFrame(stage);
  const canvas = new Canvas({ stage, world: byId('world'), replica, camera, remove: (image) => edits.remove([image]) });
  const pointer = new Pointer({ stage, canvas, camera, session, edits, selection });
  const follow = new Follow({ replica, camera, frame });
  const placer = createPlacer({ edits, camera, canvas, selection, replica, session, frame, send });
  const actions = createActions({ edits, selection, camera, replica, canvas, pointer, follow, frame });

  drawAbove({ canvas, camera, replica, selection, pointer, follow });
  showPeople(session, follow, wirePerson(session));
  const account = wireAccount({ session, identity });
  showConnection({ session, identity, account });
  showHeader({ id, session, edits, pointer, query });
  wireShare({ id, replica, query, identity });
  wireSettings(session, {
    remove: () => registryOf(identity).remove(id),
    leave: (name) => {
      forget(device, id);
      tab.set('said', `“${name}” was deleted.`);
      location.assign('/');
    },
  });
  const side = showSide(session, follow);
  const map = showMap({ replica, camera, canvas, memory: device, frame, stageSize });
  const tray = showTray({ placer });
  acceptDrops({ stage, pointer, placer, canEdit: () => replica.canEdit });
  wireView({ id, session, camera, follow, actions, stageSize });
  Object.assign(actions, { map: map.flip, chat: side.flip, help: wireHelp().show, files: () => edits.may() && tray.choose(), address: () => edits.may() && tray.openAddress(true) });
  listenToKeys({ edits, selection, camera, pointer, actions });
  wireTools({ actions, edits, replica });
  keepSelection({ stage, canvas, camera, replica, selection, frame });
  session.on('refused', (refusal) => {
    if (refusal.entry?.type === 'chat:message' || session.state.phase !== 'live') return;
    const { text, calm } = sentenceFor(refusal);
    toast(text, calm ? 'calm' : 'bad');
  });
  replica.on('room', () => { if (replica.room) visit(device, { ...replica.room, id, share: query.get('share') }); });
  canvas.invalidate();
  session.start();
}

/** One drawing after the pictures: the view that follows, cursors, handles. */
function drawAbove({ canvas, camera, replica, selection, pointer, follow }) {
  const layer = byId('overlay');
  const cursors = new Cursors({ layer, canvas, camera, replica, pick: (clientId) => follow.start(clientId) });
  const handles = new Handles({ layer, tools: byId('tools'), canvas, camera, replica, selection, pointer });
  const step = showFollowing({ follow, replica, canvas });
  let last = 0;
  canvas.on('frame', (time) => {
    const passed = Math.min(100, time - last);
    last = time;
    const following = step(passed);
    const moving = cursors.draw(passed);
    handles.draw();
    if (moving || following) canvas.invalidate();
  });
}

function wireTools({ actions, edits, replica }) {
  const buttons = {
    'tool-select': 'selectTool', 'tool-hand': 'handTool', undo: 'undo', redo: 'redo', delete: 'remove', duplicate: 'duplicate',
    'to-front': 'toFront', 'to-back': 'toBack', forward: 'forward', backward: 'backward', fit: 'fit', 'zoom-level': 'actual',
  };
  for (const [id, name] of Object.entries(buttons)) byId(id).addEventListener('click', () => actions[name]());
  byId('zoom-in').addEventListener('click', () => actions.zoomBy(1.25));
  byId('zoom-out').addEventListener('click', () => actions.zoomBy(0.8));
  const show = onceAFrame(() => {
    byId('undo').disabled = !edits.canUndo;
    byId('redo').disabled = !edits.canRedo;
  });
  edits.on('history', show);
  for (const type of ['room', 'image', 'images']) replica.on(type, show); // others, or a refusal, leave nothing to take back
  show();
}

/** What is selected exists, follows the keyboard's focus, and is told to those who do not see it. */
function keepSelection({ stage, canvas, camera, replica, selection, frame }) {
  const tidy = () => {
    for (const id of selection.ids) if (replica.image(id) === null) selection.drop(id);
    byId('empty').hidden = replica.seq === null || !replica.empty;
  };
  for (const type of ['image', 'images']) replica.on(type, tidy);
  selection.on('change', () => {
    if (selection.size > 1) announce(`${selection.size} pictures selected.`);
  });
  stage.addEventListener('focusin', () => {
    const id = canvas.focused();
    canvas.invalidate();
    if (id === undefined || canvas.pressed) return;
    if (!selection.held) selection.only(id);
    const at = camera.toWorld(frame());
    const { width, height } = frame();
    const image = replica.image(id);
    const seen = image && image.x < at.x + width / camera.scale && image.x + image.width > at.x && image.y < at.y + height / camera.scale && image.y + image.height > at.y;
    if (image && !seen) camera.set({ ...camera.viewOn(image, frame(), camera.scale) });
  });
  stage.addEventListener('focusout', () => canvas.invalidate());
  stage.addEventListener('scroll', () => stage.scrollTo(0, 0)); // the browser follows the focus; the camera does it here
}
