// What an operator sees, over plain HTTP: who may see it, the counts as OpenMetrics, and the numbers of the dashboard.

import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ask } from './conformance/ask.mjs';
import { image, people, until } from './conformance/client.mjs';
import { parse } from './openmetrics.mjs';
import { Worker } from './worker.mjs';

const SECRET = 'sixteen-bytes-ok';
const APP = 'https://app.example.com';
const BEARER = { authorization: `Bearer ${SECRET}` };
const HOUR = 3600 * 1000;
const SEND = "Send the server's admin secret as Authorization: Bearer.";
/** Longer than a room waits with its report, and the registry with its counts. */
const REPORTED = 30_000;

let place;
before(async () => {
  place = { target: await Worker.start({ auth: 'required', origins: [APP], admin: SECRET }) };
});
after(() => place.target.stop());

const at = async (path, options = {}, { host } = place.target) => fetch(`http://${host}${path}`, { redirect: 'manual', ...options });
const signIn = (body, more = {}) => at('/dashboard/session', { method: 'POST', body: JSON.stringify(body), ...more });
const data = async (query = '') => (await at(`/dashboard/data${query}`, { headers: BEARER })).json();
const scrape = async () => parse(await (await at('/metrics', { headers: BEARER })).text());

async function refused(response, status, error, message) {
  assert.deepEqual([response.status, await response.json()], [status, { error, message }]);
}

/** A proof of being signed in, as only who has the secret can make one. */
function proof(secret, until) {
  const key = hkdfSync('sha256', secret, '', 'kanvas: signed in as operator', 32);
  return `__Host-kanvas-admin=${until}.${createHmac('sha256', Buffer.from(key)).update(String(until)).digest('hex')}`;
}

test('oper1_the machine is shown to whoever sends the secret', async () => {
  for (const path of ['/metrics', '/dashboard/data', '/dashboard']) {
    assert.equal((await at(path, { headers: BEARER })).status, 200, path);
    assert.equal((await at(path, { headers: { authorization: `bearer   ${SECRET}` } })).status, 200, path);
    assert.equal((await at(path, { method: 'HEAD', headers: BEARER })).status, 200, path);
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', `Basic ${SECRET}`, SECRET, `Bearer ${SECRET}x`, `Bearer ${SECRET.slice(1)}`, `Bearer ${SECRET} x`, 'Bearer SIXTEEN-BYTES-OK']) {
      const answer = await at(path, { headers: authorization === undefined ? {} : { authorization } });
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
      await refused(answer, 401, 'unauthorized', SEND);
    }
    const token = await place.target.token('user_ann');
    await refused(await at(path, { headers: { authorization: `Bearer ${token}` } }), 401, 'unauthorized', SEND);
    await refused(await at(`${path}?secret=${SECRET}&token=${SECRET}`), 401, 'unauthorized', SEND);
  }
});

test('oper1_without a secret nobody is shown anything but on a development server', async (t) => {
  const off = 'The metrics and the dashboard open once KANVAS_ADMIN_SECRET is set, a secret of 16 bytes or more.';
  const closed = await Worker.start({ auth: 'required', origins: [APP] });
  t.after(() => closed.stop());
  for (const path of ['/metrics', '/dashboard', '/dashboard/data']) await refused(await at(path, { headers: BEARER }, closed), 403, 'off', off);
  await refused(await at('/dashboard/session', { method: 'POST', body: '{"secret":""}' }, closed), 403, 'off', off);
  const page = await at('/dashboard', { headers: { accept: 'text/html' } }, closed);
  assert.deepEqual([page.status, page.headers.get('content-type')], [403, 'text/html; charset=utf-8']);
  const dev = await Worker.start({ auth: 'dev' });
  t.after(() => dev.stop());
  for (const path of ['/metrics', '/dashboard', '/dashboard/data']) assert.equal((await at(path, {}, dev)).status, 200, path);
  assert.equal((await (await at('/dashboard/data', {}, dev)).json()).canSignOut, false);
});

test('oper1_a development server with a secret asks for it', async (t) => {
  const dev = await Worker.start({ auth: 'dev', admin: SECRET });
  t.after(() => dev.stop());
  await refused(await at('/metrics', {}, dev), 401, 'unauthorized', SEND);
  const signedIn = await at('/dashboard/session', { method: 'POST', body: JSON.stringify({ secret: SECRET }) }, dev);
  const [cookie, ...rules] = signedIn.headers.get('set-cookie').split('; ');
  // It is reached without TLS, where a browser may keep no cookie that asks for it.
  assert.deepEqual([cookie.split('=')[0], rules], ['kanvas-admin', ['Path=/', 'Max-Age=43200', 'HttpOnly', 'SameSite=Strict']]);
  assert.equal((await at('/metrics', { headers: { cookie } }, dev)).status, 200);
});

test('oper2_a browser that sent the secret stays signed in by a cookie that does not hold it', async () => {
  const answer = await signIn({ secret: ` ${SECRET} ` });
  assert.equal(answer.status, 204);
  const [cookie, ...rules] = answer.headers.get('set-cookie').split('; ');
  assert.deepEqual(rules, ['Path=/', 'Max-Age=43200', 'HttpOnly', 'SameSite=Strict', 'Secure']);
  const [, until] = /^__Host-kanvas-admin=(\d+)\.[0-9a-f]{64}$/.exec(cookie);
  assert.ok(Number(until) > Date.now() + 11 * HOUR && Number(until) <= Date.now() + 12 * HOUR, until);
  assert.equal(cookie, proof(SECRET, until));
  for (const path of ['/metrics', '/dashboard', '/dashboard/data']) assert.equal((await at(path, { headers: { cookie: `a=b; ${cookie}; c=d` } })).status, 200, path);
  assert.equal((await (await at('/dashboard/data', { headers: { cookie } })).json()).canSignOut, true);
});

test('oper2_a proof that is old, bent or of another secret is none', async () => {
  const good = proof(SECRET, Date.now() + HOUR);
  const bent = [
    proof(SECRET, Date.now() - 1), proof('seventeen-bytes-ok', Date.now() + HOUR), good.slice(0, -1), `${good}0`, good.replace('.', ''),
    good.replace(/=\d/, '=9'), good.replace(/.$/, (last) => (last === '0' ? '1' : '0')), good.toUpperCase(), good.replace('__Host-', ''),
    '__Host-kanvas-admin=', '__Host-kanvas-admin=.', `__Host-kanvas-admin=${SECRET}`, `__Host-kanvas-admin=1e99.${'0'.repeat(64)}`,
  ];
  assert.equal((await at('/metrics', { headers: { cookie: good } })).status, 200);
  // A wrong one beside it, which somebody else may have set, does not stand in its way.
  assert.equal((await at('/metrics', { headers: { cookie: `${bent[0]}; ${good}` } })).status, 200);
  for (const cookie of bent) await refused(await at('/metrics', { headers: { cookie } }), 401, 'unauthorized', SEND);
  // Whoever says a secret is judged by it.
  await refused(await at('/metrics', { headers: { cookie: good, authorization: 'Bearer no' } }), 401, 'unauthorized', SEND);
});

test('oper2_a wrong secret signs nobody in, and signing out takes the cookie back', async () => {
  for (const secret of ['', 'wrong', SECRET.slice(1), `${SECRET}x`]) {
    const answer = await signIn({ secret });
    assert.equal(answer.headers.get('set-cookie'), null);
    await refused(answer, 401, 'unauthorized', "That is not the server's admin secret.");
  }
  for (const body of [null, [], {}, { secret: 5 }, { secret: null }, 'x']) await refused(await signIn(body), 400, 'bad_body', 'Send {"secret": …}.');
  for (const body of ['', '{', `secret=${SECRET}`]) await refused(await at('/dashboard/session', { method: 'POST', body }), 400, 'bad_body', 'Send {"secret": …}.');
  await refused(await at('/dashboard/session', { method: 'POST', body: ' '.repeat(16 * 1024 + 1) }), 413, 'too_large', 'The body is longer than 16 KiB.');
  const out = await at('/dashboard/session', { method: 'DELETE' });
  assert.deepEqual([out.status, out.headers.get('set-cookie')], [204, '__Host-kanvas-admin=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure']);
  await refused(await at('/dashboard/session'), 405, 'bad_method', 'This address has these methods: POST, DELETE, OPTIONS.');
});

test('oper3_no page but the server\'s own may ask', async () => {
  const own = `http://${place.target.host}`;
  for (const path of ['/metrics', '/dashboard/data', '/dashboard', '/dashboard/app.js']) {
    const answer = await at(path, { headers: { ...BEARER, origin: own } });
    assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin')], [200, null], path);
    // Not those either that may use the rooms.
    for (const origin of [APP, 'null', 'https://evil.example', own.replace('http', 'https'), own.toUpperCase()]) {
      await refused(await at(path, { headers: { ...BEARER, origin } }), 403, 'forbidden', 'Pages of this origin may not use this server.');
    }
  }
  assert.equal((await signIn({ secret: SECRET }, { headers: { origin: own } })).status, 204);
  assert.equal((await signIn({ secret: SECRET }, { headers: { origin: APP } })).status, 403);
  assert.equal((await at('/dashboard/session', { method: 'DELETE', headers: { origin: APP } })).status, 403);
  // The browser names the page that it fetches a script or a font for.
  for (const path of ['/style.css', '/dom.js', '/fonts/figtree.woff2']) {
    for (const origin of [own, APP]) assert.equal((await at(path, { headers: { origin } })).status, 200, `${path} for ${origin}`);
    assert.equal((await at(path, { headers: { origin: 'https://evil.example' } })).status, 403, path);
  }
  // A room is still for the pages that it was for.
  assert.equal((await at('/parties/registry/any', { headers: { origin: APP } })).headers.get('access-control-allow-origin'), APP);
  assert.equal((await at('/parties/registry/any', { headers: { origin: own } })).status, 403);
});

test('oper4_the counts are OpenMetrics, with the names and units of Prometheus', async () => {
  const answer = await at('/metrics', { headers: BEARER });
  assert.equal(answer.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const families = parse(await answer.text());
  const said = [...families.values()].map(({ name, type, unit }) => [name, type, unit].filter(Boolean).join(' '));
  assert.deepEqual(said, [
    'kanvas_connections gauge', 'kanvas_people gauge', 'kanvas_rooms gauge', 'kanvas_messages_received counter', 'kanvas_frames_sent counter',
    'kanvas_received_bytes counter bytes', 'kanvas_sent_bytes counter bytes', 'kanvas_errors counter', 'kanvas_closes counter',
    'kanvas_stores counter', 'kanvas_failed_stores counter', 'kanvas_room_wakes counter', 'kanvas_app_data_events counter',
    'kanvas_wasm_memory_bytes gauge bytes',
  ]);
  // What can come is there before it comes, or its first time would not be seen as a rise.
  const codes = families.get('kanvas_errors').samples.map(({ labels }) => labels.code);
  const closes = families.get('kanvas_closes').samples.map(({ labels }) => labels.reason);
  for (const code of ['rate_limited', 'locked', 'internal']) assert.ok(codes.includes(code), code);
  for (const reason of ['timeout', 'token_expired', 'overloaded']) assert.ok(closes.includes(reason), reason);
});

test('oper4_what is no OpenMetrics is found out', () => {
  const good = '# TYPE a counter\n# HELP a Is "it".\na_total{b="c\\"\\\\\\n"} 1\na_total 2\n# EOF\n';
  assert.deepEqual(parse(good).get('a').samples, [{ labels: { b: 'c"\\\n' }, value: 1 }, { labels: {}, value: 2 }]);
  const bad = {
    'it does not end': good.slice(0, -1),
    'empty line': good.replace('# HELP', '\n# HELP'),
    'after EOF': `# EOF\n${good}`,
    'no line of a family': good.replace('# HELP a', '# HELP a\n#'),
    'two lines of HELP': good.replace('# HELP a', '# HELP a x\n# HELP a'),
    'of no type': good.replace('# TYPE a counter\n', ''),
    'no sample of a, a counter': good.replace('a_total 2', 'a 2'),
    'no sample of a, a gauge': good.replace('counter', 'gauge'),
    'second sample': good.replace('a_total 2', 'a_total{b="c\\"\\\\\\n"} 2'),
    'no number': good.replace(' 2', ' NaN'),
    'no labels': good.replace('{b="c', '{b=c'),
    'after its samples': good.replace('# EOF', '# UNIT a b\n# EOF'),
    'in two places': good.replace('# EOF', '# TYPE b gauge\n# HELP b b\n# TYPE a counter\n# EOF'),
    'end with its unit': good.replace('# HELP', '# UNIT a bytes\n# HELP'),
    'lacks a type or a help': good.replace('# HELP a Is "it".\n', ''),
  };
  for (const [why, text] of Object.entries(bad)) assert.throws(() => parse(text), new RegExp(why), why);
});

test('oper5_rooms report what comes and goes, and counts never fall', { timeout: 180_000 }, async (t) => {
  const { target } = place;
  const value = (families, name, labels = {}) => families.get(name).samples
    .find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
  const counts = (families) => [...families.values()].filter(({ type }) => type === 'counter')
    .flatMap(({ name, samples }) => samples.map((sample) => [`${name} ${JSON.stringify(sample.labels)}`, sample.value]));
  const before = new Map(counts(await scrape()));
  const rise = (families, name, labels = {}) => value(families, name, labels) - (before.get(`${name} ${JSON.stringify(labels)}`) ?? 0);

  const { join: enter, raw } = people(t, place);
  const token = await target.token('user_ann');
  const ann = await enter('seen-a', {}, { query: { token } });
  const bob = await enter('seen-a', {}, { query: { token: await target.token('user_bob') } });
  const eve = await enter('seen-b', {}, { query: { token } });
  ann.send('image:add', image('one'), 'k1');
  await ann.hears('ack');
  ann.send('image:add', image('two', { width: -1 }), 'k2');
  ann.send('image:remove', { id: 'never-there' }, 'k3');
  await ann.hears((frame) => frame.data.ref === 'k3');
  const stranger = await raw('/party/seen-a');
  assert.deepEqual(await stranger.refused(), [4102, 'token_required']);

  const there = await until('all of it is reported', async () => {
    const families = await scrape();
    const isThere = value(families, 'kanvas_connections') === 3 && rise(families, 'kanvas_errors', { code: 'not_found' }) === 1;
    return isThere && rise(families, 'kanvas_messages_received') >= 6 && families;
  }, REPORTED);
  assert.equal(value(there, 'kanvas_rooms'), 2);
  assert.equal(value(there, 'kanvas_people'), 3);
  assert.equal(rise(there, 'kanvas_messages_received'), 6);
  assert.equal(rise(there, 'kanvas_errors', { code: 'out_of_range' }), 1);
  assert.ok(rise(there, 'kanvas_received_bytes') > 200 && rise(there, 'kanvas_frames_sent') > 6 && rise(there, 'kanvas_sent_bytes') > 1000);
  assert.ok(rise(there, 'kanvas_stores') >= 3 && rise(there, 'kanvas_failed_stores') === 0 && rise(there, 'kanvas_room_wakes') >= 2);
  const memory = there.get('kanvas_wasm_memory_bytes').samples;
  assert.ok(memory.length >= 1 && memory.every((sample) => /^[0-9a-f]{8}$/.test(sample.labels.isolate) && sample.value >= 1024 * 1024), JSON.stringify(memory));

  // Nobody's name and no room's is told.
  const text = await (await at('/metrics', { headers: BEARER })).text();
  for (const word of ['seen-a', 'seen-b', 'user_ann', 'user_bob']) assert.ok(!text.includes(word), word);

  ann.send('member:kick', { userId: 'user_bob' }, 'k4');
  await bob.closed();
  // Everyone leaves, and the rooms sleep: what they told of themselves is not left standing.
  for (const client of [ann, bob, eve]) client.part();
  const gone = await until('nobody is there', async () => {
    const families = await scrape();
    return value(families, 'kanvas_connections') === 0 && families;
  }, REPORTED);
  assert.deepEqual([value(gone, 'kanvas_rooms'), value(gone, 'kanvas_people')], [0, 0]);
  await until('the close is reported', async () => rise(await scrape(), 'kanvas_closes', { reason: 'kicked' }) === 1, REPORTED);

  // A count outlives what counts it.
  await target.restart();
  const again = new Map(counts(await scrape()));
  for (const [name, count] of counts(gone)) assert.ok(again.get(name) >= count, `${name}: ${count}, then ${again.get(name)}`);
});

test('oper6_the page may load nothing but its own files, and holds no script and no style itself', async () => {
  const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  const folder = join(import.meta.dirname, '../../../runtime-smol/web/dashboard');
  const files = readdirSync(folder).filter((name) => name !== 'index.html');
  assert.ok(files.length > 5);
  for (const path of ['/dashboard', '/dashboard/', ...files.map((name) => `/dashboard/${name}`)]) {
    const answer = await at(path, { headers: BEARER });
    assert.deepEqual([answer.status, answer.headers.get('content-security-policy')], [200, policy], path);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.doesNotMatch(await answer.text(), /<style|style="|<script(?! type="module" src="\/dashboard\/app\.js"><\/script>)|\son\w+="|javascript:|innerHTML|https?:\/\/(?!www\.w3\.org\/2000\/svg)/, path);
  }
  for (const name of files) assert.equal(await (await at(`/dashboard/${name}`)).text(), readFileSync(join(folder, name), 'utf8'));
  for (const path of ['/dashboard/nothing', '/dashboard/../worker', '/dashboard/data/', '/dashboards']) {
    await refused(await at(path, { headers: BEARER }), 404, 'not_found', 'There is nothing at this address.');
  }
});

test('oper6_who may not see it gets the page with its form, and a program a sentence', async () => {
  const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
  const page = await (await at('/dashboard', { headers: { ...html, ...BEARER } })).text();
  const answer = await at('/dashboard', { headers: html });
  assert.deepEqual([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')], [401, 'text/html; charset=utf-8', 'no-store']);
  // The page is the same for all: there is nothing in it to hide.
  assert.equal(await answer.text(), page);
  await refused(await at('/dashboard', { headers: { accept: '*/*' } }), 401, 'unauthorized', SEND);
  await refused(await at('/dashboard/data', { headers: html }), 401, 'unauthorized', SEND);
});

test('oper7_rooms are told as they were last, by what is asked for', { timeout: 60_000 }, async (t) => {
  const { join: enter } = people(t, place);
  const rooms = [['Tide', 3], ['tidal', 1], ['dunes', 2]];
  for (const [room, count] of rooms) {
    for (let no = 0; no < count; no += 1) await enter(room, {}, { query: { token: await place.target.token(`user_${room}_${no}`) } });
  }
  const all = await until('all rooms have reported', async () => {
    const told = await data();
    return told.sockets === 6 && told.rooms === 3 && told;
  }, REPORTED);
  const named = ({ top }) => top.map(({ room, sockets }) => [room, sockets]);
  assert.deepEqual(named(all), [['Tide', 3], ['dunes', 2], ['tidal', 1]]);
  assert.deepEqual(Object.keys(all.top[0]).toSorted(), ['at', 'heard', 'images', 'people', 'perSecond', 'room', 'said', 'sockets']);
  assert.ok(all.top.every(({ at: when, perSecond }) => when <= all.at && when > all.at - 60_000 && perSecond > 0));
  assert.deepEqual(named(await data('?order=ascending')), [['tidal', 1], ['dunes', 2], ['Tide', 3]]);
  assert.deepEqual(named(await data('?sort=room&order=ascending')), [['Tide', 3], ['dunes', 2], ['tidal', 1]]);
  const found = await data('?find=TID&sort=people');
  assert.deepEqual([named(found), found.found, found.rooms, found.sockets], [[['Tide', 3], ['tidal', 1]], 2, 3, 6]);
  for (const find of ['%', '_', "'", 'zzz']) assert.deepEqual((await data(`?find=${encodeURIComponent(find)}`)).top, [], find);
  for (const query of ['?sort=at;', '?sort=', '?order=up', `?find=${'a'.repeat(65)}`]) {
    const answer = await at(`/dashboard/data${query}`, { headers: BEARER });
    assert.deepEqual([answer.status, (await answer.json()).error], [400, 'bad_query'], query);
  }
});

test('oper7_the last hour is told by the minute, and refusals and closes with their words', async () => {
  const told = await data();
  assert.equal(told.minutes.length, 60);
  assert.ok(told.minutes.every(({ at: when }, no) => when === told.minutes[0].at + no * 60_000) && told.minutes[59].at <= told.at && told.minutes[59].at > told.at - 60_000);
  const sum = (name) => told.minutes.reduce((total, minute) => total + minute[name], 0);
  const total = (label) => told.totals.find((each) => each.label === label).value;
  // All that this worker ever counted is of the last hour.
  assert.deepEqual([sum('heard'), sum('said')], [total('Messages received'), total('Frames sent')]);
  assert.ok(sum('heard') > 0 && told.perSecond.heard >= 0 && sum('sockets') > 0);
  assert.deepEqual(told.refused.find(({ name }) => name === 'not_found'), { name: 'not_found', words: 'There is no such image or person in this room.', lastHour: 1, total: 1 });
  const kicked = told.closed.find(({ name }) => name === 'kicked');
  assert.deepEqual([kicked.lastHour, kicked.total], [1, 1]);
  assert.match(kicked.words, /^4503\. \w.*\.$/);
  assert.ok(told.memory.each[0].bytes > 0 && told.memory.limit === 128 * 1024 * 1024);
});
