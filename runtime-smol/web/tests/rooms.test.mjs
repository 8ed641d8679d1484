import { test } from 'node:test';
import assert from 'node:assert/strict';
import { aboutInWords, agoInWords, peopleInWords } from '../cards.js';
import { make, wantedOf } from '../create.js';
import { planOf, turns } from '../preview.js';
import { forget, visit, visited } from '../recents.js';
import { Registry } from '../registry.js';

const SIZE = { width: 640, height: 400 };
const image = (over = {}) => ({ src: 'https://x.test/a.png', x: 0, y: 0, width: 100, height: 50, rotation: 0, ...over });
const memory = (kept = null) => ({ kept, get() { return this.kept; }, set(_, value) { this.kept = value; } });

test('visited rooms are few, the latest first, and a link that was used stays known', () => {
  const store = memory();
  visit(store, { id: 'a', name: 'A', share: 's1', isPublic: false });
  visit(store, { id: 'b', name: 'B' });
  visit(store, { id: 'a', name: 'A again', isPublic: false });
  assert.deepEqual(visited(store), [
    { id: 'a', name: 'A again', share: 's1', isPublic: false }, { id: 'b', name: 'B', share: null, isPublic: true },
  ]);
  visit(store, { id: 'a', name: 'A', share: 's2', isPublic: false });
  assert.equal(visited(store)[0].share, 's2');
  for (const id of 'cdefghi') visit(store, { id, name: id });
  assert.equal(visited(store).map(({ id }) => id).join(''), 'ihgfedca');
  forget(store, 'g');
  assert.equal(visited(store).map(({ id }) => id).join(''), 'ihfedca');
});

test('what an older page kept is read, what is spoilt is left out', () => {
  const plain = { id: 'ok', name: 'ok', share: null, isPublic: true };
  assert.deepEqual(visited(memory('["ok",1,"no such/id",null,{"id":"no/"},{"id":"ok","name":7,"share":{}}]')), [plain, plain]);
  for (const spoilt of ['{', '{}', 'null']) assert.deepEqual(visited(memory(spoilt)), [], spoilt);
});

test('a thumbnail shows all images, in the middle, in their proportions', () => {
  const [one] = planOf([image({ x: -400, y: 900, width: 2000, height: 1000 })], SIZE);
  assert.deepEqual([one.x, one.y], [320, 200]);
  assert.ok(Math.abs(one.width / one.height - 2) < 1e-9 && one.width > 500 && one.width <= 640);
  const [small] = planOf([image({ width: 10, height: 10 })], SIZE);
  assert.equal(small.width, 20, 'not blown up');
  const two = planOf([image(), image({ x: 1_000, y: 1_000 })], SIZE);
  for (const piece of two) assert.ok(piece.x > 0 && piece.x < 640 && piece.y > 0 && piece.y < 400);
  assert.ok(two[0].x < two[1].x && two[0].y < two[1].y);
});

test('a turned image stays inside; what is too small, or no image, asks for no file', () => {
  const [turned] = planOf([image({ width: 1_000, height: 10, rotation: 90 })], SIZE);
  assert.ok(Math.abs(turned.turn - Math.PI / 2) < 1e-9);
  assert.ok(turned.width <= 400);
  const plan = planOf([image({ width: 100_000, height: 100_000 }), image({ width: 10, height: 10, src: 'https://x.test/b.png' })], SIZE);
  assert.deepEqual(plan.map(({ src }) => src), ['https://x.test/a.png', null]);
  assert.deepEqual(planOf([], SIZE), []);
  assert.deepEqual(planOf([image({ x: 'far' }), image({ width: 0 }), null], SIZE), []);
});

test('only so many things are done at once, and one that fails keeps nobody waiting', async () => {
  const turn = turns(2);
  let busy = 0;
  let most = 0;
  const work = async (fails) => {
    busy += 1;
    most = Math.max(most, busy);
    await new Promise(setImmediate);
    busy -= 1;
    if (fails) throw new Error('no');
    return 'done';
  };
  const results = await Promise.allSettled([false, true, false, false, true, false].map((fails) => turn(() => work(fails))));
  assert.deepEqual(results.map(({ status, value }) => value ?? status), ['done', 'rejected', 'done', 'done', 'rejected', 'done']);
  assert.equal(most, 2);
});

test('a public room has its name in its address, a private one an id that nobody guesses', () => {
  assert.deepEqual(wantedOf('Our  plans!', true), { id: 'Our-plans', name: 'Our  plans!', isPublic: true });
  assert.deepEqual(wantedOf('Our plans', false), { name: 'Our plans', isPublic: false });
  assert.deepEqual(wantedOf('日本', true), { name: '日本', isPublic: true });
});

test('where the address is taken the server chooses one; any other refusal is told', async () => {
  const asked = [];
  const registry = (status) => ({
    make: async (wanted) => {
      asked.push(wanted);
      if (wanted.id !== undefined) throw Object.assign(new Error('taken'), { status });
      return { id: 'x' };
    },
  });
  assert.deepEqual(await make(registry(409), 'Plans', true), { id: 'x' });
  assert.deepEqual(asked, [{ id: 'Plans', name: 'Plans', isPublic: true }, { name: 'Plans', isPublic: true }]);
  await assert.rejects(make(registry(401), 'Plans', true), /taken/);
  assert.equal(asked.length, 3);
});

test('the server is asked as the person of this tab', async () => {
  const asked = [];
  const answers = [[200, { rooms: [], cursor: null, total: 0 }], [201, { id: 'a', token: 't' }], [204], [200, { id: 'a' }], [200, { images: [1] }], [401, {}], [409, { message: 'There.' }], [200, {}]];
  let token = null;
  const fetch = async (address, { method, headers, body }) => {
    asked.push([method, address.replace('https://k.test/parties/', ''), headers.Authorization, body && JSON.parse(body)]);
    const [status, told] = answers.shift();
    return { ok: status < 300, status, json: async () => (told === undefined ? JSON.parse('') : told) };
  };
  const registry = new Registry({ origin: 'https://k.test', token: () => token, who: () => ({ pk: 'p', name: 'Ann B' }), fetch });
  await registry.page({ q: 'a b', sort: 'name', limit: 24, cursor: 'c' });
  assert.equal((await registry.make({ name: 'A', isPublic: false })).token, 't');
  token = 'jwt';
  await registry.remove('a');
  await registry.describe('a', 's');
  assert.deepEqual(await registry.preview('a'), [1]);
  assert.deepEqual(asked, [
    ['GET', 'registry/main?sort=name&limit=24&q=a+b&cursor=c', undefined, undefined],
    ['POST', 'registry/main?_pk=p&name=Ann+B', undefined, { name: 'A', isPublic: false }],
    ['DELETE', 'registry/main/a', 'Bearer jwt', undefined],
    ['GET', 'main/a?_pk=p&share=s', 'Bearer jwt', undefined],
    ['GET', 'main/a/preview?_pk=p', 'Bearer jwt', undefined],
  ]);
  await assert.rejects(registry.make({}), (problem) => problem.status === 401 && /Sign in first/.test(problem.message));
  await assert.rejects(registry.make({}), (problem) => problem.status === 409 && problem.message === 'There.');
  await assert.rejects(registry.page({ sort: 'name', limit: 1 }), /something else/);
});

test('times and people are told in words', () => {
  const now = 1_000_000_000_000;
  const words = [0, 59_000, 60_000, 3_599_000, 7_200_000, 86_400_000 * 3, 86_400_000 * 400, -5_000].map((passed) => agoInWords(now - passed, now));
  assert.deepEqual(words, ['just now', 'just now', '1 minute ago', '59 minutes ago', '2 hours ago', '3 days ago', '1 year ago', 'just now']);
  assert.deepEqual([1, 2].map(peopleInWords), ['1 person here', '2 people here']);
  assert.equal(aboutInWords({ userCount: 1, lastActivity: 0, creatorName: 'Ann' }, now), 'Active now · by Ann');
  assert.equal(aboutInWords({ userCount: 0, lastActivity: now - 60_000, creatorName: null }, now), 'Active 1 minute ago');
});
