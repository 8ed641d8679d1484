import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Camera } from '../camera.js';
import { Emitter } from '../events.js';
import { Follow, viewOf } from '../follow.js';
import { fromMap, layOut, onMap } from '../minimap.js';
import { addressIn } from '../rooms.js';
import { SHORTCUTS, actionOf, capsOf, nameOf } from '../shortcuts.js';
import { nextTheme } from '../theme.js';

function following() {
  const replica = Object.assign(new Emitter(), { me: 'c1', users: new Map([['c1', {}], ['c2', { clientId: 'c2', viewport: { x: -100, y: 0, scale: 1 }, presence: { w: 1000, h: 500 } }]]) });
  const camera = new Camera();
  const follow = new Follow({ replica, camera, frame: () => ({ x: 50, y: 50, width: 500, height: 500 }) });
  const told = [];
  follow.on('change', (change) => told.push(change));
  const settle = () => { for (let i = 0; i < 200 && follow.step(16); i += 1); };
  return { replica, camera, follow, told, settle };
}

test('what someone sees comes from viewport and window; a window that lies is not believed', () => {
  assert.deepEqual(viewOf({ viewport: { x: -100, y: 50, scale: 2 }, presence: { w: 1000, h: 500 } }), { x: 50, y: -25, width: 500, height: 250 });
  for (const presence of [undefined, {}, { w: -5, h: 'x' }, { w: 1e9, h: Infinity }]) assert.equal(viewOf({ viewport: { x: 0, y: 0, scale: 1 }, presence }).width, 1280);
  assert.equal(viewOf({}), null);
});

test('following brings their view into ours, and goes on as they move', () => {
  const { camera, follow, replica, settle } = following();
  follow.start('c2');
  settle();
  // They see 100…1100 × 0…500; our free 500 × 500 shows that at half size, in its middle.
  assert.equal(camera.scale.toFixed(3), '0.500');
  const middle = camera.toScreen({ x: 600, y: 250 });
  assert.ok(Math.hypot(middle.x - 300, middle.y - 300) < 1, JSON.stringify(middle));
  replica.users.get('c2').viewport = { x: 0, y: 0, scale: 2 };
  assert.equal(follow.step(16), true);
  settle();
  assert.equal(camera.scale.toFixed(3), '1.000');
  assert.equal(follow.whom, 'c2', 'its own steps do not stop it');
});

test('one\'s own move, their leaving or a stop ends it; nobody follows themselves or strangers', () => {
  const { camera, follow, replica, told } = following();
  for (const id of ['c1', 'nobody']) follow.start(id);
  assert.deepEqual(told, []);
  follow.start('c2');
  camera.pan(5, 0);
  assert.equal(follow.whom, null);
  follow.start('c2');
  replica.users.delete('c2');
  replica.emit('users');
  assert.deepEqual(told.map(({ whom, left }) => [whom, left]), [['c2', false], [null, false], ['c2', false], [null, true]]);
  assert.equal(follow.step(16), false);
});

test('who follows us, perhaps by way of others, makes a round; others do not', () => {
  const { follow, replica } = following();
  const lead = (id, follows) => replica.users.set(id, { clientId: id, presence: { follows } });
  assert.equal(follow.isRound(), false);
  follow.start('c2');
  assert.equal(follow.isRound(), false);
  for (const [follows, round] of [['c1', true], ['c3', true], ['c4', false], ['c2', false], ['gone', false], [5, false]]) {
    lead('c2', follows);
    lead('c3', 'c1');
    lead('c4', 'c4');
    assert.equal(follow.isRound(), round, String(follows));
  }
});

test('a jump goes there once, to the cursor where no viewport is known', () => {
  const { camera, follow, replica } = following();
  replica.users.set('c2', { clientId: 'c2', cursor: { x: 1000, y: 0 } });
  follow.jump('c2');
  assert.deepEqual(camera.toScreen({ x: 1000, y: 0 }), { x: 300, y: 300 });
  assert.equal(follow.whom, null);
});

test('the map shows all of it, in the middle, and leads back to the same point', () => {
  const size = { width: 200, height: 100 };
  const lie = layOut([{ x: -1000, y: 0, width: 500, height: 100 }, { x: 3000, y: 2000, width: 10, height: 10 }], size);
  for (const box of [{ x: -1000, y: 0, width: 500, height: 100 }, { x: 3000, y: 2000, width: 10, height: 10 }]) {
    const { x, y, width, height } = onMap(lie, box);
    assert.ok(x >= 0 && y >= 0 && x + width <= 200 && y + height <= 100);
    const back = fromMap(lie, { x, y });
    assert.ok(Math.hypot(back.x - box.x, back.y - box.y) < 1e-6);
  }
  assert.equal(layOut([], size), null);
});

test('each key does one thing, and every action is on the sheet', () => {
  const keys = SHORTCUTS.flatMap(({ keys: all }) => all);
  assert.equal(new Set(keys).size, keys.length);
  const press = (key, over = {}) => actionOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...over });
  assert.equal(press('z', { ctrlKey: true }), 'undo');
  assert.equal(press('Z', { metaKey: true, shiftKey: true }), 'redo');
  assert.equal(press('?', { shiftKey: true }), 'help');
  assert.equal(press('A', { ctrlKey: true }), 'selectAll');
  assert.equal(press('+', { shiftKey: true }), 'zoom');
  assert.equal(press('q'), undefined);
  assert.equal(press('r', { ctrlKey: true }), undefined, 'reloading stays the browser\'s');
  assert.equal(nameOf({ key: 'ArrowUp', altKey: true }), 'Alt+ArrowUp');
  assert.deepEqual(capsOf('Mod+Shift+z', false), ['Ctrl', 'Shift', 'Z']);
  assert.deepEqual(capsOf('Mod+Shift+z', true), ['⌘', '⇧', 'Z']);
  assert.deepEqual(capsOf('+', false), ['+']);
});

test('a link that was passed on opens its room; other texts are names', () => {
  assert.equal(addressIn(' http://localhost:1999/?room=our-room '), '/?room=our-room');
  assert.equal(addressIn('https://x.test/?share=a1&x=2&view=readonly&room=r#token=t'), '/?room=r&share=a1&view=readonly');
  for (const text of ['our-room', 'https://x.test/', 'https://x.test/?room=no%20room', '']) assert.equal(addressIn(text), null, text);
});

test('the theme goes round, and an unknown one starts over', () => {
  assert.deepEqual(['system', 'light', 'dark', 'pink'].map(nextTheme), ['light', 'dark', 'system', 'system']);
});
