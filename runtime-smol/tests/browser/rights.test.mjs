// Owns: who one is and what one may do on the demo page, against the real server: signing in and its end, roles, locks,
// what owners do to rooms and people, links. Not here: what the wire says of rights (the core's tests).

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import {
  World, addSample, drag, drawn, ids, middle, place, say, shot, untilLive, untilPeople, untilPieces, untilPlace, untilSaid, untilText,
  untilToast,
} from './page.mjs';

const HOSTILE = '<img src=x onerror="alert(1)"> bye';

/** How often this page has opened a socket to a room. */
function countSockets(page) {
  const opened = [];
  page.on('websocket', (socket) => opened.push(socket.url()));
  return opened;
}

const badge = (page, name) => page.textContent(`.person:has-text("${name}") .badge`);
const untilBadge = (page, name, role) => page.waitForSelector(`.person:has-text("${name}") .badge.${role}`);
const refusal = (page) => page.waitForSelector('#refusal[open]');

async function manage(page, name) {
  await page.click(`.person:has-text("${name}") [aria-label^="Manage"]`);
  await page.waitForSelector('#person[open]');
}

async function giveRole(page, name, role) {
  await manage(page, name);
  await page.click(`[data-role="${role}"]`);
  await untilBadge(page, name, role);
}

async function configure(page, change) {
  await page.click('#settings-open');
  await change();
  await page.click('#settings-form [type="submit"]');
  await untilToast(page, /The room was changed/);
}

const mayNot = (page, pattern) => untilText(page, '#rights', pattern).then(() => page.waitForSelector('.adders', { state: 'hidden' }));
const may = (page) => page.waitForSelector('#add-files', { state: 'visible' });

describe('rights on the demo canvas', { timeout: 180_000 }, () => {
  let world;
  let ann;
  let ben;
  let image;

  before(async () => {
    world = await World.open('--lease-grace', '25');
    ann = await world.member('Ann', 'rights');
    image = await addSample(ann, 'Dunes');
    ben = await world.guest('Ben', 'rights');
    await untilPeople(ann, 2);
  });

  after(() => world?.close());

  test('demo14_the bar names who signed in, the token leaves the address and stays in the tab', async () => {
    assert.equal(await ann.textContent('#account-name'), 'Ann');
    assert.equal(await ann.textContent('#account-role'), 'Owner');
    assert.equal(await ben.textContent('#account-name'), 'Guest');
    assert.equal(await ben.textContent('#account-role'), 'Editor');
    assert.equal(ann.url(), `${world.origin}/?room=rights`);
    const kept = await ann.evaluate(() => [sessionStorage, localStorage].map((area) => JSON.stringify(area).includes('eyJ')));
    assert.deepEqual(kept, [true, false]);
    await ann.reload();
    await untilLive(ann);
    assert.equal(await ann.textContent('#account-role'), 'Owner');
  });

  test('demo14_a pasted token signs in, signing out makes a guest again', async () => {
    const cleo = await world.guest('Cleo', 'rights');
    await cleo.click('#account-open');
    await cleo.fill('#account-token', 'not a token');
    await cleo.click('#account-in');
    assert.match(await cleo.textContent('#account-error'), /not a session token/);
    const token = await world.token('cleo', 'Cleo Clerk');
    await cleo.fill('#account-token', `${token.slice(0, 60)}\n${token.slice(60)}`);
    await cleo.press('#account-token', 'Enter');
    await untilText(cleo, '#account-name', /^Cleo Clerk$/);
    await untilPeople(ann, 3);
    assert.ok(!cleo.url().includes('token'));
    await cleo.click('#account-open');
    assert.equal(await cleo.textContent('#account-title'), 'Cleo Clerk');
    assert.equal(await cleo.inputValue('#account-token'), '');
    await cleo.click('#account-out');
    await untilText(cleo, '#account-name', /^Guest$/);
    assert.equal(await cleo.evaluate(() => JSON.stringify(sessionStorage).includes('eyJ')), false);
    await cleo.context().close();
    await untilPeople(ann, 2);
  });

  test('demo15_a refused token ends in a screen and is not tried again', async () => {
    const page = await world.person('Dora');
    const opened = countSockets(page);
    const [head, , sign] = (await world.token('dora', 'Dora')).split('.');
    const forged = Buffer.from('{"sub":"ann"}').toString('base64url');
    await page.goto(`${world.origin}/?room=rights#token=${head}.${forged}.${sign}`);
    await refusal(page);
    assert.match(await page.textContent('#refusal-title'), /not accepted/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'refusal-sign-in');
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await page.keyboard.press('Escape');
    await page.waitForTimeout(1_500); // longer than the first back-off
    assert.equal(opened.length, 1);
    await page.click('#refusal-sign-in');
    await page.fill('#account-token', await world.token('dora', 'Dora'));
    await page.click('#account-in');
    await untilText(page, '#account-name', /^Dora$/);
    await page.waitForSelector('#refusal', { state: 'hidden' });
    await page.context().close();
    await untilPeople(ann, 2);
  });

  test('demo15_what a person must do about their sign-in is told for each close', async () => {
    for (const [code, title, button] of [[4101, /expired/, 'Sign in again'], [4102, /Sign in to open/, 'Sign in']]) {
      const page = await world.person('Fay');
      await page.routeWebSocket(/\/parties\//, (socket) => socket.close({ code }));
      await page.goto(`${world.origin}/?room=rights`);
      await refusal(page);
      assert.match(await page.textContent('#refusal-title'), title);
      assert.equal(await page.textContent('#refusal-sign-in'), button);
      assert.equal(await page.isVisible('#refusal-guest'), false, 'a guest already');
      await page.context().close();
    }
  });

  test('demo15_before the end a fresh token goes on on the same connection', async () => {
    const eve = await world.member('Eve', 'short', { ttl: 7 });
    const opened = countSockets(eve);
    await addSample(eve, 'Vase');
    await eve.waitForSelector('#expiring:not([hidden])');
    assert.match(await eve.textContent('#expiring-title'), /ends in \d+ s/);
    await shot(eve, 'expiring');
    await eve.click('#expiring-renew');
    await eve.fill('#account-token', await world.token('eve', 'Eve'));
    await eve.click('#account-in');
    await eve.waitForSelector('#expiring', { state: 'hidden' });
    await say(eve, 'Still here');
    await untilSaid(eve, 'Still here');
    assert.equal(opened.length, 0, 'no other connection');
    assert.equal(await eve.textContent('#account-role'), 'Owner');
    await eve.context().close();
  });

  test('demo16_a viewer reads why, and nothing they do changes the canvas', async () => {
    assert.equal(await badge(ann, 'Ann'), 'Owner');
    assert.equal(await badge(ben, 'Ann'), 'Owner');
    await giveRole(ann, 'Ben', 'viewer');
    await untilBadge(ben, 'Ben', 'viewer');
    await mayNot(ben, /You are looking only/);
    await shot(ben, 'viewer');
    const before = await place(ben, image);
    await ben.focus(`.piece[data-image="${image}"]`);
    await drawn(ben);
    assert.equal(await ben.isVisible('.frame, .handle, #tools'), false);
    for (const key of ['ArrowLeft', 'r', 'Delete', 'Control+d', 'Control+z', 'u']) {
      await ben.evaluate(() => document.querySelectorAll('.toast').forEach((node) => node.remove()));
      await ben.keyboard.press(key);
      await untilToast(ben, /looking only/);
    }
    for (const event of ['drop', 'paste']) {
      await ben.evaluate((type) => {
        document.querySelectorAll('.toast').forEach((node) => node.remove());
        const data = new DataTransfer();
        data.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
        const target = document.getElementById('stage');
        const init = { bubbles: true, cancelable: true, clientX: 500, clientY: 500 };
        target.dispatchEvent(type === 'drop' ? new DragEvent(type, { ...init, dataTransfer: data }) : new ClipboardEvent(type, { ...init, clipboardData: data }));
      }, event);
      await untilToast(ben, /looking only/);
    }
    await drag(ben, await middle(ben, image), { x: 40, y: 40 });
    assert.deepEqual(await place(ben, image), before, 'it moves the view and not the picture');
    assert.deepEqual(await ids(ann), [image]);
    await giveRole(ann, 'Ben', 'editor');
    await untilToast(ben, /You can edit now/);
    await may(ben);
  });

  test('demo16_in a locked room only owners edit, and everyone sees that it is locked', async () => {
    await configure(ann, () => ann.click('#settings-locked'));
    await mayNot(ben, /The owner has locked this room/);
    for (const page of [ann, ben]) assert.equal(await page.isVisible('#room-locked'), true);
    await may(ann);
    await ann.focus(`.piece[data-image="${image}"]`);
    const { rotation } = await place(ann, image);
    await ann.keyboard.press('r');
    await untilPlace(ben, image, { rotation: rotation + 15 });
    await configure(ann, () => ann.click('#settings-locked'));
    await may(ben);
    assert.equal(await ann.isVisible('#room-locked'), false);
  });

  test('demo17_a right that ends in a drag ends the drag, and what cannot be undone is not offered', async () => {
    const start = await place(ann, image);
    await drag(ben, await middle(ben, image), { x: 30, y: 0 });
    await ben.waitForSelector('#undo:not([disabled])');
    const moved = await place(ben, image);
    assert.notEqual(moved.x, start.x);
    await untilPlace(ann, image, moved);
    await drag(ben, await middle(ben, image), { x: 90, y: 60 }, { hold: true });
    await untilPlace(ann, image, await place(ben, image));
    await giveRole(ann, 'Ben', 'viewer');
    for (const page of [ann, ben]) await untilPlace(page, image, moved);
    await ben.mouse.move(700, 500, { steps: 3 });
    await ben.mouse.up();
    for (const page of [ann, ben]) await untilPlace(page, image, moved);
    await ben.waitForSelector('#undo:disabled', { state: 'attached' }); // not shown to a viewer
    assert.equal(await ben.locator('.toast.bad').count(), 0, 'nothing to be alarmed about');
    await giveRole(ann, 'Ben', 'editor');
    await ben.waitForSelector('#undo:not([disabled])');
    await ben.click('#undo');
    await untilPlace(ann, image, start);
  });

  test('demo17_an edit that meets the end of its right goes back to the room\'s truth', async () => {
    const kit = await world.person('Kit');
    const held = [];
    let holding = false;
    const through = (send) => (message) => (holding ? held.push(() => send(message)) : send(message));
    await kit.routeWebSocket(/\/parties\//, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage(through((message) => server.send(message)));
      server.onMessage(through((message) => socket.send(message)));
    });
    await kit.goto(`${world.origin}/?room=rights`);
    await untilLive(kit);
    await untilBadge(ann, 'Kit', 'editor');
    const start = await place(kit, image);
    holding = true;
    await kit.focus(`.piece[data-image="${image}"]`);
    await kit.keyboard.press('r');
    await untilPlace(kit, image, { rotation: start.rotation + 15 });
    await kit.waitForSelector('#undo:not([disabled])');
    await giveRole(ann, 'Kit', 'viewer');
    holding = false;
    held.splice(0).forEach((pass) => pass());
    await untilToast(kit, /may not do that here/);
    for (const page of [ann, kit]) await untilPlace(page, image, start);
    await giveRole(ann, 'Kit', 'editor');
    await may(kit);
    await drawn(kit);
    await kit.waitForSelector('#undo:disabled'); // nothing of it is left to take back
    await kit.context().close();
    await untilPeople(ann, 2);
  });

  test('demo18_an owner renames the room and says what newcomers may do; nobody else is shown how', async () => {
    assert.equal(await ben.isVisible('#settings-open'), false);
    assert.equal(await ben.locator('[aria-label^="Manage"]').count(), 0);
    await configure(ann, async () => {
      await ann.fill('#settings-name', '<b>Board</b> & co');
      await ann.selectOption('#settings-guest', 'viewer');
    });
    for (const page of [ann, ben]) await untilText(page, '#room-name', /^<b>Board<\/b> & co$/);
    const gil = await world.guest('Gil', 'rights');
    await mayNot(gil, /looking only/);
    await gil.context().close();
    await untilPeople(ann, 2);
  });

  test('demo18_an owner makes an owner of who signed in, of a guest not, and closes the room', async () => {
    await manage(ann, 'Ben');
    assert.deepEqual(await ann.$$eval('[data-role]', (nodes) => nodes.map((node) => node.dataset.role)), ['editor', 'viewer']);
    await ann.keyboard.press('Escape');
    const hal = await world.member('Hal', 'rights');
    await untilPeople(ann, 3);
    await giveRole(ann, 'Hal', 'owner');
    await untilToast(hal, /You own this room now/);
    await hal.waitForSelector('#settings-open', { state: 'visible' });
    await manage(ann, 'Hal');
    assert.equal(await ann.isVisible('#person-out'), false, 'owners do not throw each other out');
    await ann.click('#person-plain');
    await untilBadge(ann, 'Hal', 'editor');
    await hal.waitForSelector('#settings-open', { state: 'hidden' });
    await configure(ann, () => ann.click('#settings-public'));
    await refusal(hal);
    assert.match(await hal.textContent('#refusal-title'), /not open to you/);
    await configure(ann, () => ann.click('#settings-public'));
    await hal.click('#refusal-retry');
    await untilLive(hal);
    await hal.context().close();
    await untilPeople(ann, 2);
  });

  test('demo19_who is removed reads the reason and may come back, who is banned may not', async () => {
    const opened = countSockets(ben);
    await manage(ann, 'Ben');
    await ann.click('#person-kick');
    await ann.fill('#person-reason', HOSTILE);
    await ann.click('#person-do');
    await refusal(ben);
    assert.match(await ben.textContent('#refusal-title'), /removed/);
    assert.equal(await ben.textContent('#refusal-reason'), HOSTILE);
    assert.equal(await ben.locator('#refusal-reason *').count(), 0);
    assert.equal(await ben.locator('.toast').count(), 0);
    await shot(ben, 'kicked');
    await ben.waitForTimeout(1_500); // longer than the first back-off
    assert.equal(opened.length, 0);
    await ben.click('#refusal-retry');
    await untilLive(ben);
    await untilPeople(ann, 2);
    await manage(ann, 'Ben');
    await ann.click('#person-ban');
    assert.match(await ann.textContent('#person-sure-text'), /stays out/);
    await ann.click('#person-back');
    await ann.click('#person-ban');
    await ann.click('#person-do');
    await refusal(ben);
    assert.match(await ben.textContent('#refusal-title'), /banned/);
    assert.equal(await ben.isVisible('#refusal-retry'), false);
    assert.equal(await ben.isVisible('#refusal-said'), false, 'no reason was given');
    await ben.reload();
    await refusal(ben);
    assert.match(await ben.textContent('#refusal-title'), /banned/);
    await untilToast(ann, /banned/);
    await ann.click('.toast .link');
    await untilToast(ann, /let back in/);
    await ben.reload();
    await untilLive(ben);
    await untilPeople(ann, 2);
  });

  test('demo20_anyone passes the address on; who has not signed in is told how to own a room', async () => {
    await ben.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ben.click('#share-open');
    assert.equal(await ben.inputValue('#share-address'), `${world.origin}/?room=rights`);
    assert.match(await ben.textContent('#share-text'), /sign in before you open a new canvas/);
    assert.equal(await ben.isVisible('#share-links'), false);
    await ben.click('#share-copy');
    await untilText(ben, '#share-copy', /Copied/);
    assert.equal(await ben.evaluate(() => navigator.clipboard.readText()), `${world.origin}/?room=rights`);
    await ben.keyboard.press('Escape');
    const looking = await world.person('Ida');
    await looking.goto(`${world.origin}/?room=rights&view=readonly`);
    await mayNot(looking, /This address is for looking/);
    await looking.context().close();
  });

  test('demo20_an owner makes links with a role and an end, and revokes them', async () => {
    await configure(ann, () => ann.click('#settings-public'));
    await refusal(ben);
    await ann.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.click('#share-open');
    await ann.waitForSelector('#share-none:not([hidden])');
    for (const [role, end] of [['viewer', 'in 1 day'], ['editor', 'never']]) {
      await ann.selectOption('#share-role', role);
      await ann.selectOption('#share-end', { label: end });
      await ann.click('#share-make');
      await ann.waitForSelector(`.links li:has-text("May ${role === 'viewer' ? 'look' : 'edit'}")`);
    }
    assert.deepEqual(await ann.$$eval('.links p', (nodes) => nodes.map((node) => node.textContent)), ['May editNever ends', 'May lookEnds in 24 hours']);
    await shot(ann, 'share');
    await ann.click('.links li:last-child :text("Copy")');
    await untilText(ann, '.links li:last-child button', /Copied/);
    const link = await ann.evaluate(() => navigator.clipboard.readText());
    assert.match(link, /\?room=rights&share=[0-9a-f]{32}$/);
    const jon = await world.person('Jon');
    await jon.goto(link);
    await untilLive(jon);
    await mayNot(jon, /looking only/);
    await untilPieces(jon, 1);
    await ann.click('.links li:last-child :text("Revoke")');
    await ann.waitForFunction(() => document.querySelectorAll('.links li').length === 1);
    await refusal(jon);
    assert.match(await jon.textContent('#refusal-title'), /not open to you/);
    await jon.context().close();
    await ann.reload();
    await untilLive(ann);
    await ann.click('#share-open');
    await ann.waitForSelector('.links li');
    assert.deepEqual(await ann.$$eval('.links li button', (nodes) => nodes.map((node) => node.textContent)), ['Revoke'], 'its token is not told again');
  });

  test('demo16_no script failed and no policy was broken on the way', () => {
    assert.deepEqual(world.faults, []);
    assert.deepEqual(world.dialogs, []);
  });
});
