// What the registry makes of reports, at times that are said here.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** The beginning of a minute. */
const START = 1_800_000_000_000;

let flare;
before(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'loads.ts')], bundle: true, write: false, format: 'esm', target: 'es2022', external: ['cloudflare:workers'],
  });
  flare = new Miniflare({
    modules: true, script: outputFiles[0].text, compatibilityDate: '2026-04-01', cf: false, durableObjects: { COUNTS: { className: 'Counts', useSQLite: true } },
  });
});
after(() => flare.dispose());

/** A registry of that name. */
function registry(name) {
  const call = async (what, ...args) => (await flare.dispatchFetch('http://counts/', { method: 'POST', body: JSON.stringify({ name, call: what, args }) })).json();
  return { take: (now, ...reports) => call('take', now, reports), seen: (now, asked = {}) => call('seen', now, asked), rows: () => call('rows') };
}

const report = (room, more = {}) => ({
  room, isolate: 'one', memory: 2 ** 21, sockets: 1, people: 1, images: 0, heard: 0, heardBytes: 0, said: 0, saidBytes: 0,
  stores: 0, failedStores: 0, wakes: 0, refused: {}, closed: {}, noted: {}, ...more,
});

test('oper5_reports add up, and what came about with the app\'s data is one of them', async () => {
  const { take, seen } = registry('sums');
  await take(START, report('a', { heard: 5, said: 9, refused: { locked: 1 }, noted: { too_large: 1 } }), report('b', { heard: 2, closed: { timeout: 3 } }));
  await take(START + 10 * SECOND, report('a', { heard: 1, failedStores: 1, stores: 2, refused: { locked: 1, busy: 4 }, noted: { too_large: 1 } }));
  const all = await seen(START + 10 * SECOND);
  assert.deepEqual(all.counts, { heard: 8, heardBytes: 0, said: 9, saidBytes: 0, stores: 2, failedStores: 1, wakes: 0 });
  assert.deepEqual([all.refused, all.closed, all.noted], [{ locked: 2, busy: 4 }, { timeout: 3 }, { too_large: 2 }]);
  assert.deepEqual([all.rooms, all.sockets, all.people, all.isolates], [2, 2, 2, [{ isolate: 'one', memory: 2 ** 21 }]]);
});

test('oper7_a room that says nothing has no rate', async () => {
  const { take, seen } = registry('rates');
  await take(START, report('a', { heard: 100, said: 50 }));
  const rate = async (now) => (await seen(now)).top[0].perSecond;
  assert.equal(await rate(START + 29 * SECOND), 15);
  assert.equal(await rate(START + 30 * SECOND), 0);
  // It slept meanwhile: what it reports is of the ten seconds before.
  await take(START + 20 * MINUTE, report('a', { heard: 20 }));
  assert.equal(await rate(START + 20 * MINUTE), 2);
});

test('oper7_an hour is told by the minute, also where nothing was reported', async () => {
  const { take, seen } = registry('hour');
  await take(START, report('a', { sockets: 7, heard: 60, refused: { locked: 2 } }));
  await take(START + 10 * MINUTE, report('a', { sockets: 3, heard: 30, said: 5 }));
  const at = async (now) => {
    const { minutes } = await seen(now);
    return Object.fromEntries(minutes.map(({ at: when, ...rest }) => [(when - START) / MINUTE, rest]));
  };
  const first = await at(START + 10 * MINUTE);
  assert.deepEqual(Object.keys(first).length, 60);
  assert.deepEqual(first[-1], { sockets: 0, rooms: 0, heard: 0, said: 0, refused: 0 });
  assert.deepEqual(first[0], { sockets: 7, rooms: 1, heard: 60, said: 0, refused: 2 });
  assert.deepEqual(first[9], { sockets: 7, rooms: 1, heard: 0, said: 0, refused: 0 });
  assert.deepEqual(first[10], { sockets: 3, rooms: 1, heard: 30, said: 5, refused: 0 });
  // Long after, it is known from before the hour how many there are.
  await take(START + 200 * MINUTE, report('b', { sockets: 1 }));
  const last = await at(START + 200 * MINUTE);
  assert.deepEqual([last[141], last[199], last[200]].map(({ sockets, rooms }) => [sockets, rooms]), [[3, 1], [3, 1], [4, 2]]);
  assert.deepEqual((await seen(START + 200 * MINUTE)).lastHour, { refused: {}, closed: {}, noted: {} });
  assert.deepEqual((await seen(START + 200 * MINUTE)).refused, { locked: 2 });
});

test('oper7_the rate of now is that of the last sixty seconds', async () => {
  const { take, seen } = registry('now');
  await take(START + 30 * SECOND, report('a', { heard: 600 }));
  assert.equal((await seen(START + 30 * SECOND)).perSecond.heard, 10);
  assert.equal((await seen(START + 75 * SECOND)).perSecond.heard, 7.5);
  assert.equal((await seen(START + 120 * SECOND)).perSecond.heard, 0);
});

test('oper5_what is over is swept out, and a room that was only asked something is not listed', async () => {
  const { take, seen, rows } = registry('sweep');
  for (let minute = 0; minute < 200; minute += 1) {
    await take(START + minute * MINUTE, report('busy', { heard: 1, isolate: `no-${minute}`, refused: { locked: 1 } }), report(`asked-${minute}`, { sockets: 0, wakes: 1 }));
  }
  await take(START + 199 * MINUTE + 10 * SECOND, report('left', { sockets: 0 }));
  const { loads, minutes, isolates } = await rows();
  assert.equal(loads, 1);
  assert.ok(minutes <= 62 * 4 && isolates <= 12, `${minutes} ${isolates}`);
  assert.equal((await seen(START + 199 * MINUTE)).counts.wakes, 200);
  await take(START + 200 * MINUTE, report('busy', { sockets: 0 }));
  assert.equal((await rows()).loads, 1);
  await take(START + 211 * MINUTE, report('asked', { sockets: 0 }));
  assert.equal((await rows()).loads, 0);
});

test('oper7_of many rooms the first of the order that is asked for are told', async () => {
  const { take, seen } = registry('many');
  await take(START, ...Array.from({ length: 60 }, (_, no) => report(`room-${no}`, { sockets: no + 1, images: 100 - no })));
  const all = await seen(START);
  assert.deepEqual([all.rooms, all.found, all.top.length, all.top[0].room, all.top[49].room], [60, 60, 50, 'room-59', 'room-10']);
  assert.equal((await seen(START, { sort: 'images' })).top[0].room, 'room-0');
  assert.deepEqual((await seen(START, { find: 'OM-5', sort: 'sockets', order: 'ascending' })).top.map(({ room }) => room), ['room-5', ...Array.from({ length: 10 }, (_, no) => `room-5${no}`)]);
});
