// Owns: the picture of the demo in the README: a board, the people at work on it, their words. Run it from the
// repository's root, after `cargo build --release`: node runtime-smol/tests/browser/screenshot.mjs docs/screenshot.webp

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { World, drag, middle, untilPeople, untilPieces, untilSaid } from './page.mjs';

const ROOM = 'harbour-rebrand';
const BOARD = [
  ['vase', 'Vase', 0, 0, 240, 300], ['harbor', 'Night harbor', 0, 324, 240, 165],
  ['tide', 'Tide', 264, 0, 352, 242], ['specimen', 'Specimen', 264, 266, 352, 242],
  ['shade', 'Shade', 264, 532, 164, 218], ['forms', 'Forms', 452, 532, 164, 205],
  ['swatches', 'Swatches', 640, 0, 216, 270], ['orbit', 'Orbit', 640, 294, 216, 288],
  ['citrus', 'Citrus', 880, 0, 240, 240], ['dunes', 'Dunes', 880, 336, 240, 320],
];
const CAST = [
  { name: 'Jonas Weber', color: '#1f6feb', cursor: { x: 548, y: 668 }, viewport: { x: -320, y: -330, scale: 1.1 }, presence: { w: 1000, h: 640 }, drags: { id: 'forms', x: 470, y: 548 } },
  { name: 'Ana Lima', color: '#0f8a6d', cursor: { x: 150, y: 410 }, viewport: { x: 30, y: 30, scale: 1 }, presence: { w: 680, h: 560 } },
  { name: 'Kofi Mensah', color: '#7a35e0', cursor: { x: 520, y: 196 } },
  { name: 'Yuki Tanaka', color: '#c2255c', cursor: { x: 752, y: 470 } },
];
const WORDS = [
  ['Ana Lima', 'The plaster and terracotta pair is it. Warm without being beige.'],
  ['Kofi Mensah', 'Agreed. The tide beside it sells it'],
  ['Jonas Weber', 'Trying the pattern beside the palms'],
  ['Mira', 'I tilted the dunes a little'],
  ['Yuki Tanaka', 'Nice. Sending it to the client at four'],
];

/** The others are sockets in a page of their own: a browser window each would be a lot for one picture. */
const join = (page, room, cast, board) => page.evaluate(async ([id, people, pictures]) => {
  window.sockets = {};
  window.tell = (name, type, data, edit) => window.sockets[name].send(JSON.stringify({ type, data, id: edit }));
  for (const { name, color, cursor, viewport, presence } of people) {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/parties/main/${id}?_pk=${encodeURIComponent(name)}`);
    window.sockets[name] = socket;
    await new Promise((resolve) => { socket.onopen = resolve; });
    window.tell(name, 'user:join', { name, color });
    if (presence) window.tell(name, 'user:update', { presence });
    window.tell(name, 'cursor:move', cursor);
    if (viewport) window.tell(name, 'canvas:transform', viewport);
  }
  for (const [file, title, x, y, width, height] of pictures) {
    window.tell(people[0].name, 'image:add', { id: file, src: `${location.origin}/samples/${file}.svg`, title, x, y, width, height, rotation: 0 }, file);
  }
}, [room, cast, board]);

/** By its handle, as a person would. */
async function tilt(page) {
  const at = await middle(page, 'dunes');
  await page.mouse.click(at.x, at.y);
  await drag(page, await middle(page, '.handle.turn'), { x: -12, y: 0 });
  await page.mouse.move(640, 40);
}

export async function stage(world, options = {}) {
  const others = await world.person('Others');
  await others.goto(`${world.origin}/`);
  const mira = await world.member('Mira', ROOM, options);
  await join(others, ROOM, CAST, BOARD);
  await untilPieces(mira, BOARD.length);
  await untilPeople(mira, CAST.length + 1);
  await mira.evaluate(() => Promise.all([...document.querySelectorAll('.piece img')].map((img) => img.decode())));
  for (const [name, text] of WORDS) {
    if (name === 'Mira') await mira.evaluate((words) => {
      document.getElementById('chat-text').value = words;
      document.getElementById('chat-form').requestSubmit();
    }, text);
    else await others.evaluate(([who, words]) => window.tell(who, 'chat:message', { text: words }), [name, text]);
    await untilSaid(mira, text);
  }
  await mira.click('#fit');
  await tilt(mira);
  for (const { name, drags } of CAST) {
    if (drags) await others.evaluate(([who, data]) => window.tell(who, 'image:transform', { ...data, transient: true }), [name, drags]);
  }
  await mira.waitForTimeout(600); // cursors glide to their places
  return { mira, others };
}

async function main(file) {
  const world = await World.open();
  try {
    const { mira } = await stage(world, { colorScheme: 'light', locale: 'en-GB' });
    const client = await mira.context().newCDPSession(mira);
    const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality: 90 });
    await writeFile(file, Buffer.from(data, 'base64'));
  } finally {
    await world.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2] ?? 'docs/screenshot.webp');
