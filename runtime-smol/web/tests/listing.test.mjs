import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Listing } from '../listing.js';

const room = (id, over = {}) => ({ id, name: id, isPublic: true, createdAt: 1, lastActivity: 1, userCount: 0, creatorName: null, ...over });
const told = (...frames) => {
  const listing = new Listing();
  for (const frame of frames) listing.apply(frame);
  return listing;
};
const first = (...ids) => ({ type: 'rooms', rooms: ids.map((id) => room(id)) });
const added = (id, over) => ({ type: 'room-added', room: room(id, over) });
const removed = (roomId) => ({ type: 'room-removed', roomId });
const updated = (roomId, updates) => ({ type: 'room-updated', roomId, updates });
const shown = (listing) => listing.rooms.map(({ id }) => id).join(' ');

test('the list is what the server told, and each frame changes it', () => {
  const listing = new Listing();
  assert.equal(listing.known, false);
  listing.apply(first('a', 'b', 'c'));
  assert.equal(listing.known, true);
  assert.equal(shown(listing), 'a b c');
  listing.apply(added('d'));
  assert.equal(shown(listing), 'd a b c');
  listing.apply(removed('b'));
  assert.equal(shown(listing), 'd a c');
  listing.apply(updated('c', { userCount: 4, lastActivity: 9, name: 'C' }));
  assert.deepEqual(listing.room('c'), room('c', { userCount: 4, lastActivity: 9, name: 'C' }));
  assert.equal(shown(listing), 'd a c', 'what changes stays where it is');
});

test('frames about rooms that are not known, known already, or of a kind to come, do no harm', () => {
  const listing = told(first('a'), updated('x', { userCount: 1 }), removed('x'), added('a', { userCount: 2 }), { type: 'room-painted' });
  assert.equal(shown(listing), 'a');
  assert.equal(listing.room('a').userCount, 2);
});

test('while it is held nothing moves; counts go on, and what came and went shows after', () => {
  const listing = told(first('a', 'b'));
  listing.hold(true);
  for (const frame of [added('c'), added('d'), removed('a'), updated('b', { userCount: 3, lastActivity: 5 })]) listing.apply(frame);
  assert.equal(shown(listing), 'a b');
  assert.equal(listing.news, 2);
  assert.equal(listing.room('b').userCount, 3);
  listing.apply(removed('c'));
  assert.equal(listing.news, 1, 'it went before it was seen');
  listing.hold(false);
  assert.equal(shown(listing), 'd b');
  assert.equal(listing.news, 0);
  assert.equal(listing.room('a'), undefined);
});

test('what waits is shown at once to whoever asks, and a room that went and came again is there', () => {
  const listing = told(first('a'));
  listing.hold(true);
  listing.apply(added('b'));
  listing.show();
  assert.equal(shown(listing), 'b a');
  listing.apply(removed('a'));
  listing.apply(added('a'));
  listing.hold(false);
  assert.equal(shown(listing), 'b a');
});

test('after a reconnect what was shown keeps its place, and only settling sorts', () => {
  const listing = told(first('a', 'b', 'c'), { type: 'rooms', rooms: [room('c', { lastActivity: 9 }), room('d'), room('a')] });
  assert.equal(shown(listing), 'd a c');
  listing.settle();
  assert.equal(shown(listing), 'c d a');
});
