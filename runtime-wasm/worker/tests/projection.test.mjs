// The app's tables and a room, kept in step: on real D1, with the app writing whenever it likes.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { MIGRATION, statements, Tables } from './desk.mjs';

const NOW = 1_800_000_000_000;
const MOST = 1_800_000;

const image = (id, more = {}) => ({ id, src: `https://example.com/${id}.png`, x: 1, y: 2, width: 10, height: 20, rotation: 0, z: 'a0', ...more });

/** A room as its object tells of it, which does what it is ordered. */
class Room {
  born = true;
  name = 'Board';
  isPublic = false;
  owners = ['ann'];
  images = new Map();
  seq = 0;
  refuses = new Set();
  links = new Map();

  constructor(tables, id) {
    this.tables = tables;
    this.id = id;
  }

  get here() {
    const { born, name, isPublic, owners, seq } = this;
    return { born, name, isPublic, owners, seq, images: [...this.images.values()] };
  }

  async call(call, ...args) {
    const answer = await this.tables.call(this.id, call, ...args);
    Object.assign(this, { noted: answer.noted, writes: answer.writes, reads: answer.reads });
    return answer.done;
  }

  async add(now, ...images) {
    for (const one of images) this.images.set(one.id, one);
    this.seq += images.length;
    await this.call('touch', now);
  }

  async remove(now, id) {
    this.images.delete(id);
    this.seq += 1;
    await this.call('removed', this.seq, id);
    await this.call('touch', now);
  }

  obey(orders) {
    for (const order of orders) {
      switch (order.do) {
        case 'create': Object.assign(this, { born: true, name: order.name ?? this.id, isPublic: order.isPublic, owners: [order.owner] }); break;
        case 'add': if (!this.refuses.has(order.image.id)) this.images.set(order.image.id, { z: 'a0', rotation: 0, ...order.image }); break;
        case 'update': Object.assign(this, { name: order.name ?? this.name, isPublic: order.isPublic ?? this.isPublic }); break;
        case 'role': this.owners = this.owners.filter((one) => one !== order.userId).concat(order.role === 'owner' ? [order.userId] : []); break;
        case 'share': this.links.set(order.token, order.until); break;
        case 'unshare': this.links.delete(order.token); break;
      }
      this.seq += 1;
    }
    return orders;
  }

  async look(now, force) {
    return this.obey(await this.call('look', now, this.here, force));
  }

  /** Writes, and does what it is told until nothing is; what it was told. */
  async write(now) {
    const told = [];
    const noted = [];
    for (let calls = 0; calls < 3; calls += 1) {
      const { wrote, orders } = await this.call('write', now, this.here);
      noted.push(...this.noted);
      told.push(...this.obey(orders));
      if (orders.length === 0) {
        this.noted = noted;
        return { wrote, told };
      }
    }
    throw new Error(`It never ends: ${JSON.stringify(told)}`);
  }
}

describe('the app\'s tables', () => {
  let tables;
  let no = 0;
  before(async () => { tables = await Tables.open(); });
  after(() => tables.close());

  let room;
  beforeEach(() => { room = new Room(tables, `room-${++no}`); });

  const canvas = async (fields = {}, id = room.id) => {
    const { state, ...others } = fields;
    const row = { id, user_id: 'ann', title: 'Board', state_json: state === undefined ? null : typeof state === 'string' ? state : JSON.stringify(state), is_public: 0, created_at: NOW, updated_at: NOW, ...others };
    await tables.run(`INSERT INTO canvases (${Object.keys(row)}) VALUES (${Object.keys(row).map(() => '?')})`, ...Object.values(row));
  };
  const row = async () => (await tables.run('SELECT *, typeof(updated_at) AS kind FROM canvases WHERE id = ?', room.id))[0];
  const state = async () => JSON.parse((await row()).state_json);
  const idsThere = async () => (await state()).images.map((one) => one?.id);
  /** The app writes, as it does: its whole canvas, and the time. */
  const appWrites = (next, updated = NOW + 5) => tables.run('UPDATE canvases SET state_json = ?, updated_at = ? WHERE id = ?', typeof next === 'string' ? next : JSON.stringify(next), updated, room.id);
  const quote = (text) => `'${text.replaceAll("'", "''")}'`;
  /** The same as SQL, to happen in the middle of a write. */
  const asSql = (next, updated = NOW + 5) => `UPDATE canvases SET state_json = ${quote(JSON.stringify(next))}, updated_at = ${updated} WHERE id = ${quote(room.id)}`;
  const whats = () => room.noted.map(({ what }) => what);

  test('db1_a room that is no canvas of the app\'s is left alone', async () => {
    await canvas({ state: { images: [image('theirs')] } }, `${room.id}-other`);
    await tables.run('INSERT INTO shared_links (id, canvas_id, share_token) VALUES (?1, ?1, ?1)', room.id);
    assert.equal(await room.call('answered'), false);
    assert.deepEqual(await room.look(NOW), []);
    assert.equal(await room.call('answered'), true);
    await room.add(NOW, image('a'));
    assert.deepEqual(await room.write(NOW), { wrote: false, told: [] });
    assert.deepEqual([room.writes, await row()], [0, undefined]);
    assert.deepEqual(await room.call('kept'), []);
    // What changes later is looked at again, seldom.
    assert.equal(await room.call('due'), null);
    await room.call('touch', NOW + 1);
    assert.equal(await room.call('due'), NOW + 60_000);
    // A room that nobody has made has nothing that a row should have.
    await canvas({ state: { images: [image('kept')] } });
    room.born = false;
    assert.deepEqual(await room.write(NOW), { wrote: false, told: [] });
    assert.deepEqual(await idsThere(), ['kept']);
  });

  test('db2_what changed is written, at most once in 10 s, and nothing if nothing did', async () => {
    await canvas();
    await room.look(NOW);
    await room.add(NOW, image('a', { z: 'a1', cropX: 3 }), image('b'));
    assert.ok((await room.call('due')) <= NOW);
    assert.deepEqual(await room.write(NOW), { wrote: true, told: [] });
    assert.deepEqual(room.noted, [{ what: 'written', bytes: (await row()).state_json.length }]);
    assert.deepEqual(await state(), { images: [image('a', { z: 'a1', cropX: 3 }), image('b')], videos: [], viewport: { x: 0, y: 0, scale: 1 } });
    assert.equal(await room.call('due'), null);
    await room.add(NOW + 4000, image('c'));
    assert.equal(await room.call('due'), NOW + 10_000);
    // Going to sleep does not wait.
    assert.equal((await room.write(NOW + 4000)).wrote, true);
    assert.deepEqual(await idsThere(), ['a', 'b', 'c']);
    // Something else than an image changed.
    await room.call('touch', NOW + 20_000);
    const [before, writes] = [await row(), room.writes];
    assert.equal((await room.write(NOW + 20_000)).wrote, false);
    assert.deepEqual([await row(), room.writes, await room.call('due')], [before, writes, null]);
    // What comes while a write is on its way waits for the next one.
    await room.add(NOW + 30_000, image('d'));
    assert.equal((await room.call('touchWhile', NOW + 30_000, room.here)).wrote, true);
    assert.equal(await room.call('due'), NOW + 40_000);
    // A clock that goes back puts nothing off.
    await room.call('touch', NOW);
    assert.equal(await room.call('due'), NOW + 10_000);
  });

  test('db2_two writes at once follow each other', async () => {
    await canvas();
    await room.add(NOW, image('a'));
    const first = [NOW, room.here];
    await room.add(NOW, image('b'));
    const both = await room.call('both', first, [NOW + 1, room.here]);
    assert.deepEqual(both.map(({ wrote }) => wrote), [true, true]);
    assert.deepEqual(whats(), ['written', 'written']);
    assert.deepEqual(await idsThere(), ['a', 'b']);
  });

  test('db3_an app that writes between a read and the write is not overwritten unseen', async () => {
    await canvas({ state: { images: [], version: 1 } });
    await room.look(NOW);
    await room.add(NOW, image('a'));
    await room.call('faults', { meanwhile: [asSql({ images: [image('new')], version: 2, videos: ['v'] })] });
    const { wrote, told } = await room.write(NOW);
    assert.deepEqual([wrote, told], [true, [{ do: 'add', image: image('new') }]]);
    assert.deepEqual(whats(), ['overtaken', 'written']);
    assert.deepEqual(await state(), { images: [image('a'), image('new')], version: 2, videos: ['v'] });
    // The time alone, or the length alone, tells.
    for (const sql of [`UPDATE canvases SET updated_at = updated_at + 1 WHERE id = '${room.id}'`, asSql({ images: [], version: 'longer' }, '(SELECT updated_at)')]) {
      await room.add(NOW, image(`b${sql.length}`));
      await room.call('faults', { meanwhile: [sql] });
      assert.equal((await room.write(NOW)).wrote, true);
      assert.deepEqual(whats(), ['overtaken', 'written']);
    }
    assert.equal((await state()).version, 'longer');
    // One that never stops writing is left to the next time.
    await room.add(NOW, image('c'));
    await room.call('faults', { meanwhile: [`UPDATE canvases SET updated_at = updated_at + 1 WHERE id = '${room.id}'`], times: 99 });
    assert.deepEqual(await room.write(NOW + 50_000), { wrote: false, told: [] });
    assert.deepEqual(whats(), ['overtaken', 'overtaken', 'overtaken']);
    assert.equal(await room.call('due'), NOW + 60_000);
    await room.call('faults', {});
    assert.equal((await room.write(NOW + 60_000)).wrote, true);
    assert.ok((await idsThere()).includes('c'));
  });

  test('db4_the app\'s images that are absent here are added, and ours win', async () => {
    await canvas({ state: { images: [image('a', { x: 500 }), image('b')] } });
    room.images.set('a', image('a'));
    assert.deepEqual(await room.look(NOW), [{ do: 'add', image: image('b') }]);
    assert.equal((await room.write(NOW)).wrote, true);
    assert.deepEqual((await state()).images, [image('a'), image('b')]);
    // The app moves one, takes one away and adds two, one of them without what a room makes itself.
    const { z, rotation, ...bare } = image('d');
    await appWrites({ images: [image('a', { x: 900, title: 'x' }), image('c'), bare, bare] });
    assert.deepEqual(await room.look(NOW + 10_000), [{ do: 'add', image: image('c') }, { do: 'add', image: bare }]);
    assert.ok((await room.call('due')) <= NOW + 10_000);
    assert.equal((await room.write(NOW + 10_000)).wrote, true);
    assert.deepEqual((await state()).images, [image('a'), image('b'), image('c'), { ...image('d') }]);
    // Nothing is left to do, on either side.
    assert.deepEqual(await room.look(NOW + 20_000), []);
    assert.equal(await room.call('due'), null);
  });

  test('db5_what was removed here does not come back from the app\'s copy', async () => {
    const copy = { images: [image('a'), image('b')] };
    await canvas({ state: copy });
    await room.look(NOW);
    await room.write(NOW);
    // The app's copy has it still.
    await room.remove(NOW + 1, 'a');
    await appWrites({ images: [...copy.images, image('new')] });
    assert.deepEqual(await room.look(NOW + 10_000), [{ do: 'add', image: image('new') }]);
    await room.write(NOW + 10_000);
    assert.deepEqual(await idsThere(), ['b', 'new']);
    // It came and went between two writes, and the app saw it meanwhile.
    await room.add(NOW + 11_000, image('brief'));
    await room.remove(NOW + 12_000, 'brief');
    await appWrites({ images: [image('b'), image('new'), image('brief')] }, NOW + 12_001);
    assert.deepEqual((await room.write(NOW + 20_000)).told, []);
    assert.deepEqual(await idsThere(), ['b', 'new']);
    // A copy that somebody had open for hours, and an object that was forgotten.
    await room.call('forget');
    await appWrites(copy, NOW + 23 * 3_600_000);
    assert.deepEqual(await room.look(NOW + 23 * 3_600_000), []);
    await room.write(NOW + 23 * 3_600_000);
    assert.deepEqual(await idsThere(), ['b', 'new']);
    // It is added again by who is in the room.
    await room.add(NOW + 24 * 3_600_000, image('a'));
    await room.write(NOW + 24 * 3_600_000);
    assert.deepEqual(await idsThere(), ['b', 'new', 'a']);
    // What went a day ago is forgotten.
    await room.add(NOW + 25 * 3_600_000, image('c'));
    await room.write(NOW + 25 * 3_600_000);
    assert.deepEqual((await room.call('kept')).map(({ id }) => id), ['a', 'b', 'c', 'new']);
    await room.remove(NOW + 26 * 3_600_000, 'b');
    await room.write(NOW + 26 * 3_600_000);
    await room.add(NOW + 51 * 3_600_000, image('d'));
    await room.write(NOW + 51 * 3_600_000);
    assert.deepEqual((await room.call('kept')).map(({ id }) => id), ['a', 'c', 'd', 'new']);
  });

  test('db5_one that is removed while the row is read, and all of a canvas that was replaced, stay away', async () => {
    await canvas({ state: { images: [image('a')] } });
    await room.look(NOW);
    await room.write(NOW);
    // The room that the write is told of has it still, and so has what is written; the next one has not.
    const { here } = room;
    await room.remove(NOW + 1, 'a');
    await room.call('write', NOW + 1, here);
    assert.deepEqual(await idsThere(), ['a']);
    assert.deepEqual(await room.write(NOW + 2), { wrote: true, told: [] });
    assert.deepEqual(await idsThere(), []);
    // It was added and removed after the write began, and the app has seen it.
    await room.call('faults', { meanwhile: [asSql({ images: [image('a'), image('late')] }, NOW + 9)] });
    const before = room.here;
    await room.add(NOW + 3, image('late'));
    await room.remove(NOW + 3, 'late');
    assert.deepEqual((await room.call('write', NOW + 3, { ...before, images: [image('b')] })).orders, []);
    // A canvas that is replaced leaves no log.
    room.images = new Map([['whole', image('whole')]]);
    await appWrites({ images: [image('b'), image('late')] }, NOW + 10);
    assert.deepEqual((await room.write(NOW + 10)).told, []);
    assert.deepEqual(await idsThere(), ['whole']);
    // One that counts from the start again is read from the start.
    await room.call('clearLog');
    room.seq = 0;
    await room.remove(NOW + 11, 'anew');
    await appWrites({ images: [image('anew')] }, NOW + 11);
    assert.deepEqual((await room.write(NOW + 11)).told, []);
  });

  test('db5_of what was removed 20,000 are remembered, the last ones', async () => {
    await canvas();
    for (let at = 0; at < 20_010; at += 1) room.images.set(`i${at}`, image(`i${at}`));
    await room.write(NOW);
    for (let at = 0; at < 10; at += 1) room.images.delete(`i${at}`);
    await room.write(NOW + 1);
    room.images.clear();
    await room.add(NOW + 2, image('last'));
    await room.write(NOW + 2);
    const kept = (await room.call('kept')).map(({ id }) => id);
    assert.deepEqual([kept.length, kept.includes('i9'), kept.includes('i10'), kept.includes('last')], [20_001, false, true, true]);
    await room.call('forget');
    await appWrites({ images: [image('i0'), image('i10')] });
    assert.deepEqual(await room.look(NOW + 3), [{ do: 'add', image: image('i0') }]);
  });

  test('db6_videos, viewport, version and what nobody knows stay as they are', async () => {
    const theirs = { version: 3, videos: [{ id: 'v', frames: [1, 2] }], images: [image('a', { filters: { blur: 2 }, tags: ['x'] })], viewport: { x: 5, y: 6, scale: 2 }, later: { 'ключ': null } };
    await canvas({ state: JSON.stringify(theirs).replace('{', '{"__proto__":{"own":1},') });
    room.images.set('a', image('a', { x: 77 }));
    await room.look(NOW);
    await room.add(NOW, image('b'));
    assert.equal((await room.write(NOW)).wrote, true);
    const text = (await row()).state_json;
    assert.deepEqual(JSON.parse(text.replace('"__proto__":{"own":1},', '')), { ...theirs, images: [image('a', { x: 77, filters: { blur: 2 }, tags: ['x'] }), image('b')] });
    assert.deepEqual(Object.keys(JSON.parse(text)), ['__proto__', 'version', 'videos', 'images', 'viewport', 'later']);
    // They are those of now, not of when they were read first.
    await room.add(NOW + 10_000, image('c'));
    await appWrites({ ...theirs, videos: [] });
    await room.write(NOW + 10_000);
    assert.deepEqual([(await state()).videos, await idsThere()], [[], ['a', 'b', 'c']]);
  });

  test('db7_an image that the room does not take stays with the app', async () => {
    const odd = [
      image('nested', { crop: { x: 1 } }), image('data', { src: 'data:image/png;base64,AAAA' }), image('blob', { src: 'blob:https://example.com/1' }),
      image('relative', { src: 'a.png' }), image('long', { src: `https://example.com/${'a'.repeat(2048)}` }), image('fat', { note: 'n'.repeat(4096) }),
      image('i'.repeat(129)), { id: 'sizeless', src: 'https://example.com/a' }, image(7), image(''), 'text', null, ['list'], { src: 'https://example.com/a' },
    ];
    await canvas({ state: { images: [odd[0], image('good'), ...odd.slice(1), image('refused')] } });
    room.refuses.add('refused');
    assert.deepEqual((await room.look(NOW)).map(({ image: { id } }) => id), ['good', 'refused']);
    assert.equal((await room.write(NOW)).wrote, true);
    assert.deepEqual(whats(), ['left_out', 'written']);
    assert.equal(room.noted[0].images, odd.length + 1);
    assert.deepEqual((await state()).images, [image('good'), ...odd, image('refused')]);
    // Told once, and offered again much later, when there may be room for it.
    await room.add(NOW + 10_000, image('more'));
    assert.deepEqual((await room.write(NOW + 10_000)).told, []);
    assert.deepEqual(whats(), ['written']);
    room.refuses.clear();
    await room.call('touch', NOW + 600_000);
    assert.deepEqual((await room.write(NOW + 600_000)).told, [{ do: 'add', image: image('refused') }]);
    assert.deepEqual(whats(), ['written']);
    assert.deepEqual((await state()).images, [image('good'), image('more'), image('refused'), ...odd]);
    // Once the room has one of that id, it is the room's.
    await room.add(NOW + 610_000, image('data'), image('nested'));
    await room.write(NOW + 610_000);
    assert.deepEqual((await state()).images.slice(3, 5), [image('data'), image('nested', { crop: { x: 1 } })]);
    await room.remove(NOW + 620_000, 'data');
    await room.add(NOW + 620_000, image('relative'));
    await room.remove(NOW + 620_000, 'relative');
    await room.write(NOW + 620_000);
    assert.deepEqual((await idsThere()).filter((id) => id === 'data' || id === 'relative'), []);
  });

  test('db8_the time of the last change is written in the form that it has, and is always another', async () => {
    const iso = new Date(NOW).toISOString();
    const forms = [
      [NOW - 5000, 'integer', NOW, NOW + 1],
      [NOW, 'integer', NOW + 1, NOW + 2],
      [NOW + 700, 'integer', NOW + 701, NOW + 702],
      [NOW + 90_000_000, 'integer', NOW, NOW + 1],
      [NOW / 1000 - 5, 'integer', NOW / 1000, NOW / 1000 + 1],
      [NOW / 1000 - 0.25, 'real', NOW / 1000, NOW / 1000 + 1, 'integer'],
      [NOW * 1000 - 5, 'integer', NOW * 1000, NOW * 1000 + 1000],
      ['2026-01-02 03:04:05', 'text', '2027-01-15 08:00:00', '2027-01-15 08:00:01'],
      ['2027-01-15 08:00:00', 'text', '2027-01-15 08:00:01', '2027-01-15 08:00:02'],
      ['2026-01-02T03:04:05Z', 'text', '2027-01-15T08:00:00Z', '2027-01-15T08:00:01Z'],
      ['2026-01-02T03:04:05.678Z', 'text', iso, '2027-01-15T08:00:00.001Z'],
      ['2026-01-02T03:04:05.678901+02:00', 'text', '2027-01-15T08:00:00.000000+00:00', '2027-01-15T08:00:00.001000+00:00'],
      ['2026-01-02 03:04:05.6-0530', 'text', '2027-01-15 08:00:00.0+0000', '2027-01-15 08:00:00.1+0000'],
      ['yesterday', 'text', NOW, NOW + 1, 'integer'],
      ['', 'text', NOW, NOW + 1, 'integer'],
    ];
    for (const [at, [was, kind, first, second, becomes = kind]] of forms.entries()) {
      room = new Room(tables, `form-${at}`);
      await canvas({ updated_at: was });
      assert.equal((await row()).kind, kind, `${was}`);
      for (const [turn, expected] of [first, second].entries()) {
        await room.add(NOW, image(`i${turn}`));
        assert.equal((await room.write(NOW)).wrote, true);
        const { updated_at: now, kind: is } = await row();
        assert.deepEqual([now, is], [expected, becomes], `over ${was}`);
      }
      // By its own time the row is known again.
      await room.look(NOW, true);
      assert.equal(await room.call('due'), null);
    }
  });

  /** The app's own table, with times of this type. */
  const withTimes = async (type, work) => {
    await tables.run('DROP TABLE canvases');
    await tables.run(`CREATE TABLE canvases (id TEXT PRIMARY KEY, user_id TEXT, title TEXT, state_json TEXT, is_public TEXT, created_at ${type}, updated_at ${type})`);
    try {
      await work();
    } finally {
      await tables.run('DROP TABLE canvases');
      await tables.migrate();
    }
  };

  test('db8_times in columns of text and of no type, and rows without any, are written too', async () => {
    const forms = {
      TEXT: [
        [{ updated_at: NOW - 1 }, `${NOW}.0`, `${NOW + 1}.0`],
        [{ updated_at: String(NOW - 1) }, `${NOW}`, `${NOW + 1}`],
        [{ updated_at: null, created_at: '2026-01-02 03:04:05' }, '2027-01-15 08:00:00', '2027-01-15 08:00:01'],
        [{ updated_at: null, created_at: null }, '2027-01-15T08:00:00.000Z', '2027-01-15T08:00:00.001Z'],
      ],
      '': [
        [{ updated_at: NOW / 1000 - 0.25 }, NOW / 1000, NOW / 1000 + 0.1, 'real'],
        [{ updated_at: NOW - 5 }, NOW, NOW + 1, 'real'],
        [{ updated_at: '1799999999' }, '1800000000', '1800000001', 'text'],
        [{ updated_at: null, created_at: NOW }, NOW, NOW + 1, 'real'],
        [{ updated_at: 5 }, NOW / 1000, NOW / 1000 + 1, 'integer', 'CAST(updated_at AS INTEGER)'],
      ],
    };
    for (const [type, rows] of Object.entries(forms)) {
      await withTimes(type, async () => {
        for (const [at, [times, first, second, kind = 'text', cast]] of rows.entries()) {
          room = new Room(tables, `column-${type}-${at}`);
          await canvas({ ...times, is_public: 'true' });
          if (cast !== undefined) await tables.run(`UPDATE canvases SET updated_at = ${cast} WHERE id = ?`, room.id);
          await room.look(NOW);
          assert.equal(room.isPublic, true);
          for (const [turn, expected] of [first, second].entries()) {
            await room.add(NOW, image(`i${turn}`));
            assert.equal((await room.write(NOW)).wrote, true);
            assert.deepEqual([(await row()).updated_at, (await row()).kind, await room.call('due')], [expected, kind, null], `over ${JSON.stringify(times)}`);
          }
        }
      });
    }
  });

  test('db9_a room that is too large for its row is not written, and that is told once', async () => {
    await canvas({ state: { images: [], videos: [] } });
    await room.look(NOW);
    const large = (count) => Array.from({ length: count }, (_, at) => image(`i${at}`, { note: 'ä'.repeat(1500) }));
    await room.add(NOW, ...large(600));
    const before = await row();
    assert.deepEqual(await room.write(NOW), { wrote: false, told: [] });
    assert.deepEqual(room.noted.map(({ what, bytes }) => [what, bytes > MOST]), [['too_large', true]]);
    assert.equal(await room.call('due'), null);
    await room.call('forget');
    await room.add(NOW + 10_000, image('one-more'));
    assert.deepEqual(await room.write(NOW + 10_000), { wrote: false, told: [] });
    assert.deepEqual([whats(), await row()], [[], before]);
    // To the byte: the last that fits, and one more.
    room.images = new Map([['i', image('i')]]);
    const empty = JSON.stringify({ images: [image('i', { note: '' })], videos: [] }).length;
    await room.add(NOW + 20_000, image('i', { note: 'n'.repeat(MOST - empty) }));
    assert.equal((await room.write(NOW + 20_000)).wrote, true);
    assert.deepEqual(room.noted, [{ what: 'mended' }, { what: 'written', bytes: MOST }]);
    await room.add(NOW + 30_000, image('i', { note: 'n'.repeat(MOST - empty + 1) }));
    assert.equal((await room.write(NOW + 30_000)).wrote, false);
    assert.deepEqual(room.noted, [{ what: 'too_large', bytes: MOST + 1 }]);
    // What the app has beside the images counts, and may be what goes.
    room.images = new Map([['i', image('i')]]);
    await appWrites({ images: [], videos: ['v'.repeat(MOST)] });
    await room.look(NOW + 40_000);
    assert.equal((await room.write(NOW + 40_000)).wrote, false);
    await appWrites({ images: [], videos: [] }, NOW + 6);
    await room.look(NOW + 50_000);
    assert.notEqual(await room.call('due'), null);
    assert.equal((await room.write(NOW + 50_000)).wrote, true);
    assert.deepEqual(whats(), ['mended', 'written']);
  });

  test('db10_what is no canvas is never overwritten, and that is told once', async () => {
    for (const [at, text] of ['{"images":[', '[1]', '"text"', '7', 'null', '{"images":{}}', '{"images":"x"}'].entries()) {
      room = new Room(tables, `broken-${at}`);
      await canvas({ state: text });
      assert.deepEqual(await room.look(NOW), []);
      assert.deepEqual(whats(), ['unreadable'], text);
      await room.add(NOW, image('a'));
      assert.deepEqual(await room.write(NOW), { wrote: false, told: [] });
      await room.call('forget');
      await room.call('touch', NOW);
      assert.deepEqual(await room.write(NOW + 10_000), { wrote: false, told: [] });
      assert.deepEqual([whats(), (await row()).state_json, room.writes], [[], text, 0]);
      assert.equal(await room.call('due'), null);
      // The app mends it.
      await appWrites({ images: [image('b')], videos: [1] });
      assert.deepEqual(await room.look(NOW + 20_000), [{ do: 'add', image: image('b') }]);
      assert.deepEqual(whats(), ['mended']);
      assert.equal((await room.write(NOW + 20_000)).wrote, true);
      assert.deepEqual(await state(), { images: [image('a'), image('b')], videos: [1] });
      // It breaks and is mended again, and only writes are there to find it.
      await appWrites(text, NOW + 30_000);
      await room.add(NOW + 30_000, image('c'));
      await room.write(NOW + 30_000);
      assert.deepEqual([whats(), (await row()).state_json], [['overtaken', 'unreadable'], text]);
      await appWrites({ images: [] }, NOW + 40_000);
      await room.call('touch', NOW + 40_000);
      assert.equal((await room.write(NOW + 40_000)).wrote, true);
      assert.deepEqual([whats(), await idsThere()], [['mended', 'written'], ['a', 'b', 'c']]);
    }
    // A row without a canvas is one with nothing on it.
    for (const [at, text] of ['', '  ', '{}', '{"videos":[9]}', '{"images":null,"videos":[9]}'].entries()) {
      room = new Room(tables, `empty-${at}`);
      await canvas({ state: text });
      await room.add(NOW, image('a'));
      assert.equal((await room.write(NOW)).wrote, true, text);
      assert.deepEqual((await state()).images, [image('a')]);
      assert.deepEqual((await state()).videos, text.includes('9') ? [9] : []);
    }
    // Bytes are no text.
    room = new Room(tables, 'bytes');
    await canvas();
    await tables.run("UPDATE canvases SET state_json = x'7b7d' WHERE id = 'bytes'");
    await room.add(NOW, image('a'));
    assert.deepEqual([(await room.write(NOW)).wrote, whats()], [false, ['unreadable']]);
  });

  test('db11_a database that fails is tried again, and nothing is lost', async () => {
    await canvas({ state: { images: [image('theirs')] } });
    await room.call('faults', { down: true });
    assert.deepEqual(await room.look(NOW), []);
    assert.deepEqual(room.noted, [{ what: 'failed', doing: 'read', error: 'D1_ERROR: the database is not there' }]);
    assert.equal(await room.call('answered'), false);
    await room.add(NOW, image('a'));
    assert.deepEqual(await room.write(NOW), { wrote: false, told: [] });
    assert.deepEqual(whats(), ['failed']);
    assert.equal(await room.call('due'), NOW + 10_000);
    await room.call('faults', {});
    assert.deepEqual(await room.write(NOW + 10_000), { wrote: true, told: [{ do: 'add', image: image('theirs') }] });
    assert.deepEqual(await idsThere(), ['a', 'theirs']);
    // A write that fails, and one that is done though its answer is lost.
    await room.add(NOW + 20_000, image('b'));
    await room.call('faults', { down: true });
    await room.write(NOW + 20_000);
    assert.deepEqual(room.noted.map(({ doing }) => doing), ['write']);
    await room.call('faults', { lost: true });
    assert.equal((await room.write(NOW + 30_000)).wrote, false);
    assert.deepEqual(await idsThere(), ['a', 'theirs', 'b']);
    await room.remove(NOW + 31_000, 'b');
    assert.deepEqual(await room.write(NOW + 40_000), { wrote: true, told: [] });
    assert.deepEqual([whats(), await idsThere()], [['written'], ['a', 'theirs']]);
    // Tables that are not there are such a failure.
    await tables.run('ALTER TABLE shared_links RENAME TO elsewhere');
    assert.deepEqual(await room.look(NOW + 50_000), []);
    await tables.run('ALTER TABLE elsewhere RENAME TO shared_links');
    assert.match(room.noted[0].error, /no such table/);
  });

  test('db12_a canvas that never was a room is made one', async () => {
    await canvas({ title: 'Plans', is_public: 1, state: { images: [image('a'), image('b', { src: 'data:x' })] } });
    await tables.run('INSERT INTO shared_links (id, canvas_id, share_token) VALUES (?1, ?1, ?1)', room.id);
    room.born = false;
    assert.deepEqual(await room.look(NOW), [
      { do: 'create', owner: 'ann', name: 'Plans', isPublic: true },
      { do: 'add', image: image('a') },
      { do: 'share', token: room.id, until: null },
    ]);
    assert.deepEqual(await room.look(NOW + 10_000), []);
    assert.deepEqual([room.name, room.isPublic, room.owners], ['Plans', true, ['ann']]);
    // A title may be none, or longer than a room's name.
    const cases = [
      [null, null], ['', null], ['  \u200b ', null], ['a'.repeat(40), 'a'.repeat(32)], [' Tea\n time ', 'Tea time'],
      ['🇩🇪'.repeat(20), '🇩🇪'.repeat(16)], ['a\u200bb\u0007', 'ab'], ['漢'.repeat(60), '漢'.repeat(32)], ['ﬁ', 'fi'],
    ];
    for (const [at, [title, expected]] of cases.entries()) {
      room = new Room(tables, `title-${at}`);
      await canvas({ title });
      room.born = false;
      const [{ name }] = await room.look(NOW);
      assert.equal(name, expected, `${title}`);
    }
    // What nobody owns is given to nobody.
    room = new Room(tables, 'unowned');
    await canvas({ user_id: '' });
    await tables.run("INSERT INTO shared_links (id, canvas_id, share_token) VALUES ('u', 'unowned', 'u')");
    room.born = false;
    assert.deepEqual(await room.look(NOW), []);
  });

  test('db13_what the app changes of a room is taken over once, and what was changed here stays', async () => {
    await canvas({ title: 'Board', is_public: 0 });
    await room.look(NOW);
    // Renamed and shown here; the row is as it was.
    Object.assign(room, { name: 'Ours', isPublic: true });
    assert.deepEqual(await room.look(NOW + 10_000), []);
    await room.call('forget');
    assert.deepEqual(await room.look(NOW + 20_000), []);
    await tables.run('UPDATE canvases SET title = ? WHERE id = ?', 'Theirs', room.id);
    assert.deepEqual(await room.look(NOW + 30_000), [{ do: 'update', name: 'Theirs' }]);
    room.name = 'Ours again';
    assert.deepEqual(await room.look(NOW + 40_000), []);
    await tables.run('UPDATE canvases SET is_public = 1, title = ? WHERE id = ?', 'Both', room.id);
    assert.deepEqual(await room.look(NOW + 50_000), [{ do: 'update', name: 'Both' }]);
    await tables.run('UPDATE canvases SET is_public = 0 WHERE id = ?', room.id);
    assert.deepEqual(await room.look(NOW + 60_000), [{ do: 'update', isPublic: false }]);
    // A write that reads the row finds it too.
    await tables.run('UPDATE canvases SET title = ?, updated_at = 1 WHERE id = ?', 'Found', room.id);
    await room.add(NOW + 61_000, image('a'));
    assert.deepEqual((await room.write(NOW + 61_000)).told, [{ do: 'update', name: 'Found' }]);
    assert.equal((await row()).title, 'Found');
  });

  test('db13_the owner is whom the table says', async () => {
    await canvas();
    // Whoever made it before there was a row is not.
    room.owners = ['mallory', 'bob'];
    assert.deepEqual(await room.look(NOW), [{ do: 'role', userId: 'ann', role: 'owner' }, { do: 'role', userId: 'mallory', role: 'none' }, { do: 'role', userId: 'bob', role: 'none' }]);
    // Whom the owner made one later is.
    room.owners.push('carl');
    assert.deepEqual(await room.look(NOW + 10_000), []);
    await tables.run("UPDATE canvases SET user_id = 'dora' WHERE id = ?", room.id);
    assert.deepEqual(await room.look(NOW + 20_000), [{ do: 'role', userId: 'dora', role: 'owner' }, { do: 'role', userId: 'ann', role: 'none' }]);
    assert.deepEqual(room.owners, ['carl', 'dora']);
    room.owners = ['carl'];
    assert.deepEqual(await room.look(NOW + 30_000), [{ do: 'role', userId: 'dora', role: 'owner' }]);
  });

  test('db14_unexpired links of the table give viewers a way in', async () => {
    await canvas();
    const share = (token, until) => tables.run('INSERT INTO shared_links (id, canvas_id, share_token, expires_at) VALUES (?, ?, ?, ?)', `${room.id}${token}`, room.id, token, until);
    await share('forever', null);
    await share('ms', NOW + 60_000);
    await share('seconds', NOW / 1000 + 60);
    await share('sqlite', '2027-01-15 08:01:00');
    await share('iso', '2027-01-15T10:01:00.000+02:00');
    await share('date', '2027-01-16');
    await share('over', NOW);
    await share('over-text', '2027-01-15 07:59:59');
    await share('unclear', 'in a while');
    await share('', null);
    await tables.run("INSERT INTO shared_links (id, canvas_id, share_token) VALUES (?1, 'elsewhere', 'other')", `${room.id}-other`);
    const until = NOW + 60_000;
    const orders = await room.look(NOW);
    assert.deepEqual(orders.map((order) => order.do), Array(6).fill('share'));
    assert.deepEqual(Object.fromEntries(room.links), { forever: null, ms: until, seconds: until, sqlite: until, iso: until, date: Date.UTC(2027, 0, 16) });
    await room.call('forget');
    assert.deepEqual(await room.look(NOW + 1000), []);
    await tables.run("UPDATE shared_links SET expires_at = NULL WHERE share_token = 'ms' AND canvas_id = ?", room.id);
    await tables.run("DELETE FROM shared_links WHERE share_token = 'forever' AND canvas_id = ?", room.id);
    await tables.run("UPDATE shared_links SET expires_at = 1 WHERE share_token = 'sqlite' AND canvas_id = ?", room.id);
    assert.deepEqual((await room.look(NOW + 11_000)).map(({ do: what, token }) => `${what} ${token}`).toSorted(), ['share ms', 'unshare forever', 'unshare sqlite']);
    assert.equal(room.links.get('ms'), null);
    // One that ends by itself needs no word.
    assert.deepEqual(await room.look(NOW + 61_000), []);
    // With the canvas its links go.
    await tables.run('DELETE FROM canvases WHERE id = ?', room.id);
    assert.deepEqual((await room.look(NOW + 71_000)).map(({ do: what, token }) => `${what} ${token}`).toSorted(), ['unshare date', 'unshare ms']);
    assert.deepEqual([...room.links.keys()].toSorted(), ['iso', 'seconds'], 'those that ended by themselves');
    assert.deepEqual(await room.look(NOW + 81_000), []);
  });

  test('db15_the tables are asked at most once in 10 s, unless they must be', async () => {
    await canvas();
    await room.look(NOW);
    await tables.run("UPDATE canvases SET title = 'Other' WHERE id = ?", room.id);
    const { reads } = room;
    assert.deepEqual(await room.look(NOW + 9999), []);
    assert.equal(room.reads, reads);
    assert.deepEqual(await room.look(NOW + 9999, true), [{ do: 'update', name: 'Other' }]);
    assert.equal(room.reads, reads + 1);
    await room.look(NOW + 19_998);
    assert.equal(room.reads, reads + 1);
    await room.look(NOW + 19_999);
    await room.look(NOW);
    assert.equal(room.reads, reads + 3, 'also by a clock that went back');
  });

  test('db16_what waits to be written outlives the object', async () => {
    await canvas({ state: { images: [image('a')] } });
    await room.look(NOW);
    await room.write(NOW);
    await room.add(NOW + 1, image('b'));
    await room.call('forget');
    assert.equal(await room.call('due'), NOW + 10_000);
    assert.equal((await room.write(NOW + 10_000)).wrote, true);
    assert.deepEqual(await idsThere(), ['a', 'b']);
    // The app's image was ordered, and the object forgotten before it came.
    await appWrites({ images: [image('a'), image('b'), image('c')] });
    await room.call('look', NOW + 20_000, room.here);
    await room.call('forget');
    assert.equal(await room.call('due'), NOW + 20_000);
    assert.deepEqual((await room.write(NOW + 20_000)).told, [{ do: 'add', image: image('c') }]);
    // What changed while nothing counted is found by its place in the log.
    room.images.set('d', image('d'));
    room.seq += 1;
    assert.equal(await room.call('due'), null);
    await room.look(NOW + 30_000);
    assert.equal(await room.call('due'), NOW + 30_000);
    assert.equal((await room.write(NOW + 30_000)).wrote, true);
    assert.deepEqual(await idsThere(), ['a', 'b', 'c', 'd']);
  });

  test('db17_the migration makes what is not there and leaves what is', async () => {
    const columns = {
      users: 'id,email,name,avatar_url,created_at,updated_at',
      canvases: 'id,user_id,title,state_json,thumbnail_url,is_public,created_at,updated_at,last_accessed_at',
      canvas_images: 'id,canvas_id,r2_key,url,size,mime_type,created_at',
      shared_links: 'id,canvas_id,share_token,expires_at,created_at',
    };
    const made = async () => tables.run("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name");
    for (const [table, names] of Object.entries(columns)) {
      assert.deepEqual((await tables.run(`SELECT name FROM pragma_table_info('${table}')`)).map(({ name }) => name).join(), names);
    }
    // Whatever the app writes as a time stays what it is.
    for (const [at, time] of [NOW, NOW / 1000, '2026-01-02 03:04:05', '2026-01-02T03:04:05.000Z'].entries()) {
      await canvas({ updated_at: time }, `time-${at}`);
      const [{ updated_at: stored }] = await tables.run('SELECT updated_at FROM canvases WHERE id = ?', `time-${at}`);
      assert.equal(stored, time);
    }
    // An app that came first: other types, rows of its own.
    for (const table of Object.keys(columns)) await tables.run(`DROP TABLE ${table}`);
    for (const [table, names] of Object.entries(columns)) await tables.run(`CREATE TABLE ${table} (${names.replace('id', 'id TEXT PRIMARY KEY')}, theirs DATETIME DEFAULT CURRENT_TIMESTAMP)`);
    await tables.run("INSERT INTO shared_links (id, canvas_id, share_token) VALUES ('1', 'c', 'same'), ('2', 'c', 'same')");
    const before = await made();
    for (let turn = 0; turn < 2; turn += 1) for (const text of statements(MIGRATION)) await tables.run(text);
    assert.deepEqual(await made(), before);
    assert.equal((await tables.run('SELECT * FROM shared_links')).length, 2);
  });
});
