// Owns: the page as a whole: what of it is shown, and how fresh its numbers are.

import { announce, byId } from '/dom.js';
import { device } from '/memory.js';
import { wireTheme } from '/theme.js';
import { Cards } from './cards.js';
import { showEvents } from './events.js';
import { Feed } from './feed.js';
import { Panel } from './panel.js';
import { Rooms } from './rooms.js';
import { signOut, wireSignIn } from './session.js';
import { showTallies } from './tallies.js';
import { ago, count, moment } from './words.js';

/** Numbers that are older are not called live: two askings have gone without an answer. */
const OLD_MS = 12_000;
const TITLE = document.title;
const NOT_KEPT = 'The secret was right, but this browser did not keep the sign-in. Outside development it takes HTTPS; ask for this page by it.';
const PHASES = { loading: 'Loading', live: 'Live', old: 'Old', failed: 'Not live' };

wireTheme(device);
const cards = new Cards();
const panel = new Panel(() => feed.ask());
const openRoom = (room) => panel.open(room);
const rooms = new Rooms(() => feed.ask(), openRoom);
const feed = new Feed(() => rooms.query, hear);
/** When the last numbers came, by the clock of this page and by that of the day. */
let came = null;
let failure = null;
/** Signed in, and nothing has come since. */
let isNew = false;

wireSignIn(() => {
  announce('Signed in.');
  isNew = true;
  open();
});
byId('sign-out').addEventListener('click', async () => {
  const problem = await signOut();
  if (problem !== null) return trouble(problem);
  // Nothing of what was shown stays.
  location.reload();
});
setInterval(tick, 1000);
open();

function open() {
  [came, failure] = [null, null];
  tick();
  feed.start();
}

function hear({ data, refused, failed }) {
  if (refused?.error === 'unauthorized') return ask(isNew ? NOT_KEPT : came === null ? '' : 'The sign-in has ended. Sign in again to go on.');
  if (refused) return shut(refused.message);
  view('board');
  failure = failed ?? null;
  if (data) {
    isNew = false;
    came = { page: performance.now(), day: Date.now() };
    document.title = `${count(data.sockets)} · ${TITLE}`;
    byId('sign-out').hidden = !data.canSignOut;
    cards.show(data);
    rooms.show(data);
    showTallies(data);
    showEvents(data, openRoom);
    panel.show(data);
  }
  const from = came === null ? '' : ` These numbers are from ${moment(came.day)}.`;
  trouble(failure === null ? '' : `${failure}${from} Trying again every five seconds.`);
  tick();
}

/** Asks for the secret. */
function ask(why) {
  leave('gate');
  byId('sign-in-why').textContent = why;
  byId('secret').focus();
}

function shut(message) {
  leave('shut');
  byId('shut').querySelector('p').textContent = message;
}

/** Shows something else than the numbers. */
function leave(place) {
  feed.stop();
  panel.leave();
  document.title = TITLE;
  byId('sign-out').hidden = true;
  view(place);
}

function view(place) {
  for (const id of ['board', 'gate', 'shut']) byId(id).hidden = id !== place;
  byId('state').hidden = place !== 'board';
}

function trouble(words) {
  const notice = byId('trouble');
  // The same words again are not said again.
  if (notice.lastElementChild.textContent !== words) notice.lastElementChild.textContent = words;
  notice.hidden = words === '';
}

function tick() {
  const age = came === null ? null : performance.now() - came.page;
  const phase = failure !== null ? 'failed' : age === null ? 'loading' : age > OLD_MS ? 'old' : 'live';
  byId('state').dataset.phase = phase;
  byId('board').classList.toggle('stale', phase === 'old' || phase === 'failed');
  byId('state-words').textContent = age === null || phase === 'live' ? PHASES[phase] : `${PHASES[phase]} · ${ago(age)}`;
}
