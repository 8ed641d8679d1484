// Owns: what the browser tests share: the server, people with a window each, and questions to a page.
//
// KANVAS_BIN: the server (default target/release/kanvas). CHROMIUM: the browser (default /usr/bin/chromium).
// SCREENSHOTS: a directory to put pictures of the page into. KANVAS_WEB: a directory to take the page's files from
// instead of those within the server, to work on the page without a build.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
export const BIN = path.resolve(process.env.KANVAS_BIN ?? path.join(here, '../../../target/release/kanvas'));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--disable-features=LocalNetworkAccessChecks',
];
const KINDS = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' };
const SERVED = /^\/(parties|party|assets)\//;
const WAIT = 15_000;

/** Starts the server and reads where it listens from what it prints. */
async function startServer(data, listen, options) {
  const child = spawn(BIN, ['serve', '--listen', listen, '--data', data, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  const address = new Promise((resolve, reject) => {
    const read = (chunk) => {
      printed += chunk;
      const found = printed.match(/http:\/\/127\.0\.0\.1:(\d+)/);
      if (found && found[1] !== '0') resolve({ origin: found[0], port: Number(found[1]) });
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code} and said:\n${printed}`)));
    setTimeout(() => reject(new Error(`the server told no address; it said:\n${printed}`)), WAIT).unref();
  });
  return { child, ...(await address) };
}

export async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A server with data of its own, a browser, and what went wrong in any window. */
export class World {
  dialogs = [];
  faults = [];

  /** `options` are the server's. */
  static async open(...options) {
    const world = new World();
    world.options = options;
    world.data = await mkdtemp(path.join(tmpdir(), 'kanvas-demo-'));
    world.server = await startServer(world.data, '127.0.0.1:0', options);
    world.browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    return world;
  }

  get origin() { return this.server.origin; }

  async close() {
    await this.browser?.close();
    if (this.server) await kill(this.server.child);
    await rm(this.data, { recursive: true, force: true });
  }

  /** The server again, on the same port and data. */
  async restart() {
    this.server = await startServer(this.data, `127.0.0.1:${this.server.port}`, this.options);
  }

  async person(name, options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    await context.addInitScript((given) => {
      if (!localStorage.getItem('kanvas.name')) localStorage.setItem('kanvas.name', given);
    }, name);
    if (process.env.KANVAS_WEB) await this.#serveFrom(process.env.KANVAS_WEB, context);
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT);
    page.on('dialog', (dialog) => {
      this.dialogs.push(dialog.message());
      dialog.dismiss();
    });
    page.on('pageerror', (error) => this.faults.push(`${name}: ${error.message}`));
    page.on('console', (message) => {
      // The browser itself reports each connection that was refused, and each file that could not be loaded.
      const expected = /WebSocket connection to|ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|Failed to load resource/;
      if (message.type() === 'error' && !expected.test(message.text())) this.faults.push(`${name}: ${message.text()}`);
    });
    return page;
  }

  async #serveFrom(directory, context) {
    const own = (url) => url.origin === this.origin && !SERVED.test(url.pathname) && url.pathname !== '/assets';
    await context.route(own, async (route) => {
      const { pathname } = new URL(route.request().url());
      const file = pathname === '/' ? '/index.html' : pathname;
      const body = await readFile(path.join(directory, file)).catch(() => null);
      if (body === null) return route.fulfill({ status: 404 });
      return route.fulfill({ body, contentType: KINDS[file.split('.').pop()] });
    });
  }

  /** A session token of this server, for so many seconds. */
  async token(sub, name, ttl = 3600) {
    const { stdout } = await promisify(execFile)(BIN, ['token', '--data', this.data, '--sub', sub, '--name', name, '--ttl', String(ttl)]);
    return stdout.trim();
  }

  /** Someone who has signed in, in this room. */
  async member(name, room, { ttl, ...options } = {}) {
    const page = await this.person(name, options);
    await page.goto(`${this.origin}/?room=${room}#token=${await this.token(name.toLowerCase(), name, ttl)}`);
    await untilLive(page);
    return page;
  }

  /** Someone in this room, connected. */
  async guest(name, room, options) {
    const page = await this.person(name, options);
    await page.goto(`${this.origin}/?room=${room}`);
    await untilLive(page);
    return page;
  }
}

export async function shot(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
}

/** Until the page has drawn what it was told before. */
export const drawn = (page) => page.evaluate(() => new Promise((resolve) => {
  requestAnimationFrame(() => requestAnimationFrame(resolve));
}));

/** Where a picture lies in the world, as the page drew it: { x, y, width, height, rotation }. */
export const place = (page, image) => drawn(page).then(() => page.evaluate((id) => {
  const node = [...document.querySelectorAll('.piece')].find((piece) => piece.dataset.image === id);
  const found = node?.style.transform.match(/translate\((.+?)px, (.+?)px\) rotate\((.+?)deg\)/);
  if (!found) return null;
  const [x, y, rotation] = found.slice(1).map(Number);
  return { x, y, width: parseFloat(node.style.width), height: parseFloat(node.style.height), rotation };
}, image));

/** Waits until a picture lies there; only the given properties count. */
export const untilPlace = (page, image, wanted) => page.waitForFunction(([id, want]) => {
  const node = [...document.querySelectorAll('.piece')].find((piece) => piece.dataset.image === id);
  const found = node?.style.transform.match(/translate\((.+?)px, (.+?)px\) rotate\((.+?)deg\)/);
  if (!found) return false;
  const [x, y, rotation] = found.slice(1).map(Number);
  const now = { x, y, rotation, width: parseFloat(node.style.width), height: parseFloat(node.style.height) };
  return Object.entries(want).every(([key, value]) => Math.abs(now[key] - value) < 0.01);
}, [image, wanted], { timeout: WAIT });

export const untilLive = (page) => page.waitForSelector('#state[data-phase="live"]', { timeout: WAIT });
export const untilPeople = (page, count) => page.waitForFunction((n) => document.querySelectorAll('.person').length === n, count, { timeout: WAIT });
export const untilPieces = (page, count) => page.waitForFunction((n) => document.querySelectorAll('.piece:not(.sending)').length === n, count, { timeout: WAIT });
export const untilText = (page, selector, pattern) => page.waitForFunction(
  ([query, source]) => new RegExp(source).test(document.querySelector(query)?.textContent ?? ''), [selector, pattern.source], { timeout: WAIT },
);
export const untilToast = (page, pattern) => page.waitForFunction(
  (source) => [...document.querySelectorAll('.toast')].some((node) => new RegExp(source).test(node.textContent)), pattern.source, { timeout: WAIT },
);
/** The pictures in the order in which they came. */
export const ids = (page) => page.$$eval('.piece:not(.sending)', (nodes) => nodes.map((node) => node.dataset.image));

export async function say(page, text) {
  await page.fill('#chat-text', text);
  await page.press('#chat-text', 'Enter');
}
export const untilSaid = (page, text) => page.waitForFunction(
  (words) => [...document.querySelectorAll('.said:not(.pending):not(.refused) .words')].some((node) => node.textContent === words),
  text, { timeout: WAIT },
);

/** Adds a sample, and tells the id it got. */
export async function addSample(page, title) {
  const before = await ids(page);
  await page.click('#samples-toggle');
  await page.click(`[aria-label="Add ${title}"]`);
  if (await page.isVisible('#samples')) await page.click('#samples-toggle');
  await untilPieces(page, before.length + 1);
  return (await ids(page)).find((id) => !before.includes(id));
}

/** The middle of an element, or of a picture given by its id, on the screen of this page. */
export async function middle(page, target) {
  await drawn(page);
  const selector = /^[.#[]/.test(target) ? target : `.piece[data-image="${target}"]`;
  const box = await page.locator(selector).boundingBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Presses, moves in steps, and lets go unless told otherwise. */
export async function drag(page, from, by, { hold = false } = {}) {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + by.x, from.y + by.y, { steps: 5 });
  if (!hold) await page.mouse.up();
}
