import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Client, backOff, isFinal } from '../client.js';
import { fakeHost, full, joined, list } from './fakes.mjs';

function client(options) {
  const fake = fakeHost(options);
  const subject = new Client(() => 'ws://x/parties/main/r?_pk=1', () => ({ name: 'Ann' }), fake.host);
  subject.start();
  const live = () => {
    fake.last().open();
    for (const frame of [joined(), full(), list('c1')]) fake.last().hear(frame);
  };
  return { ...fake, subject, live, phase: () => subject.state.phase };
}

test('the delay grows from half a second to ten and is half chance', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map((n) => backOff(n, () => 0)), [250, 500, 1000, 2000, 4000, 5000, 5000]);
  assert.deepEqual([0, 5].map((n) => backOff(n, () => 1)), [500, 10_000]);
});

test('45xx and 41xx are final, everything else is retried', () => {
  for (const code of [4500, 4501, 4506, 4999, 4101, 4102]) assert.equal(isFinal(code), true, String(code));
  for (const code of [1000, 1001, 1006, 1012, 1013, 4000, 4201, 4203, 4205, 5000]) assert.equal(isFinal(code), false, String(code));
});

test('it joins at open and is live when the list of people is in', () => {
  const { last, phase, subject } = client();
  last().open();
  for (const frame of [joined(), full()]) last().hear(frame);
  assert.equal(phase(), 'connecting');
  assert.equal(subject.send({ type: 'x' }), false);
  last().hear(list('c1'));
  assert.deepEqual(last().sent[0], { type: 'user:join', data: { name: 'Ann' } });
  assert.equal(phase(), 'live');
  assert.equal(subject.send({ type: 'x' }), true);
  assert.deepEqual(last().sent.at(-1), { type: 'x' });
});

test('a lost connection is opened again after the back-off, each time later', () => {
  const { sockets, clock, last, phase, subject } = client();
  last().fall();
  assert.equal(phase(), 'waiting');
  assert.equal(subject.state.retryAt, clock.now() + 375);
  clock.pass(374);
  assert.equal(sockets.length, 1);
  clock.pass(1);
  assert.equal(sockets.length, 2);
  assert.equal(phase(), 'connecting');
  last().fall();
  assert.equal(subject.state.retryAt, clock.now() + 750);
});

test('a connection that dies young does not reset the back-off, a steady one does', () => {
  const { clock, last, live, subject } = client();
  for (const expected of [375, 750]) {
    live();
    last().fall();
    assert.equal(subject.state.retryAt - clock.now(), expected);
    clock.pass(expected);
  }
  live();
  clock.pass(5_000);
  last().fall();
  assert.equal(subject.state.retryAt - clock.now(), 375);
});

test('the server\'s retryAfterMs is a floor, for waking too', () => {
  const { clock, sockets, last, subject } = client();
  last().open();
  last().hear({ type: 'error', data: { code: 'restart', ref: null, retryAfterMs: 4_000, message: 'Back soon.' } });
  last().fall(1012);
  assert.equal(subject.state.retryAt, clock.now() + 4_000);
  assert.equal(subject.state.message, 'Back soon.');
  clock.pass(1_000);
  subject.wake();
  assert.equal(subject.state.retryAt, clock.now() + 3_000);
  clock.pass(3_000);
  assert.equal(sockets.length, 2);
});

test('waking retries at once when nobody said otherwise', () => {
  const { clock, sockets, last, subject } = client({ random: () => 1 });
  last().fall();
  subject.wake();
  clock.pass(0);
  assert.equal(sockets.length, 2);
});

test('a refusal keeps the server\'s sentence and does not come back by itself', () => {
  const { clock, sockets, last, phase, subject } = client();
  last().open();
  last().hear({ type: 'error', data: { code: 'room_full', ref: null, message: 'This room is full.' } });
  last().fall(4505);
  assert.deepEqual([phase(), subject.state.message], ['refused', 'This room is full.']);
  clock.pass(600_000);
  subject.wake();
  clock.pass(600_000);
  assert.equal(sockets.length, 1);
  subject.start();
  assert.equal(sockets.length, 2);
});

test('the sentence of one refused edit is not the reason of a close', () => {
  const { last, live, subject } = client();
  live();
  last().hear({ type: 'error', data: { code: 'forbidden', ref: 'p-1', message: 'Not this.' } });
  last().fall(4503);
  assert.equal(subject.state.message, 'The server refused this connection.');
});

test('a silent connection is pinged, a dead one is left', () => {
  const { clock, last, live, phase, sockets } = client();
  live();
  assert.equal(last().sent.at(-1), 'ping');
  clock.pass(9_000);
  last().hear('pong');
  clock.pass(7_000);
  assert.equal(phase(), 'live');
  assert.equal(last().sent.filter((text) => text === 'ping').length, 2);
  clock.pass(9_100);
  assert.equal(phase(), 'waiting');
  assert.equal(sockets[0].closedWith, 4000);
});

test('a socket that never opens is left after ten seconds, and its late frames are nobody\'s', () => {
  const { clock, sockets, phase, subject } = client();
  clock.pass(10_000);
  assert.equal(phase(), 'waiting');
  const heard = [];
  subject.on('frame', (frame) => heard.push(frame));
  sockets[0].hear({ type: 'user:list', data: { users: [] } });
  sockets[0].fall(4501);
  assert.deepEqual(heard, []);
  assert.equal(phase(), 'waiting');
});
