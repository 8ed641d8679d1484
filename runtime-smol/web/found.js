// Owns: the list of rooms on screen, with what stands in its place when it is empty, on its way or out of reach.
// Not here: what is listed (browse.js), how a room looks (cards.js).

import { blanks } from './cards.js';
import { announce, byId, onceAFrame } from './dom.js';
import { addressOf, isRoomId } from './rooms.js';

const MOST_LIVE = 100; // that many the live list has
const BLANKS = 8;
const LINES = { live: 'Live', waiting: 'Reconnecting', connecting: 'Connecting' };
const BARRED = { title: 'Sign in to see the canvases', text: 'This server shows them to people who have signed in.' };
const LOST = 'The list cannot be shown';

export function showFound({ browse, feed, cards, account }) {
  const list = byId('rooms');
  byId('rooms-blank').replaceChildren(...blanks(BLANKS));
  const speak = speaker(browse);
  let wanted = null; // the place of the card that the focus goes to once it is there

  function draw() {
    const { view, q } = browse;
    byId('rooms-blank').hidden = view.phase !== 'loading';
    list.hidden = view.phase !== 'ready' || view.rooms.length === 0;
    list.setAttribute('aria-busy', String(view.busy));
    cards.show(view.phase === 'ready' ? view.rooms : []);
    drawNone(view, q);
    drawTrouble(view);
    drawEnd(view, browse.live);
    drawLine(feed.state.phase);
    byId('news').hidden = view.news === 0;
    byId('news').textContent = view.news === 1 ? 'Show 1 new canvas' : `Show ${view.news} new canvases`;
    if (wanted !== null && !view.busy) {
      cards.link(wanted)?.focus();
      wanted = null;
    }
    speak(view);
  }

  const show = onceAFrame(draw); // a card that goes may take the focus with it, which is news to the list
  browse.on('change', show);
  setInterval(show, 1_000); // the countdown, and how long ago
  holdWhileUsed(byId('rooms-area'), browse);
  byId('news').addEventListener('click', () => {
    wanted = 0;
    browse.showNews();
  });
  byId('more').addEventListener('click', () => {
    wanted = browse.view.rooms.length;
    browse.more();
  });
  byId('trouble-again').addEventListener('click', () => browse.again());
  byId('trouble-sign-in').addEventListener('click', () => account.open());
  addEventListener('online', () => browse.again());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') feed.wake();
    else browse.settle();
  });
}

function drawNone({ phase, rooms, busy }, q) {
  const none = phase === 'ready' && rooms.length === 0 && !busy;
  byId('none').hidden = !none;
  if (!none) return;
  const asked = q !== '';
  byId('none-title').textContent = asked ? `No canvas is called “${q}”` : 'No open canvases yet';
  byId('none-text').textContent = asked ? 'Names, and who made them, are searched. Private canvases are not on the list.' : 'Make the first one: put pictures on it, and everyone who comes here sees it.';
  byId('none-create').textContent = asked ? 'Make one of this name' : 'New canvas';
  byId('none-clear').hidden = !asked;
  byId('none-open').hidden = !asked || !isRoomId(q); // what is not on the list may be there
  byId('none-open').href = addressOf(q);
}

function drawTrouble({ phase, message, retries, retryAt }) {
  const barred = phase === 'barred';
  byId('trouble').hidden = !barred && phase !== 'failed';
  if (byId('trouble').hidden) return;
  byId('trouble-title').textContent = barred ? BARRED.title : LOST;
  byId('trouble-text').textContent = barred ? BARRED.text : message ?? inWords(retryAt);
  byId('trouble-sign-in').hidden = !barred;
  byId('trouble-again').hidden = barred;
  byId('trouble-again').disabled = retries && retryAt === null;
}

function inWords(retryAt) {
  const when = retryAt === null ? 'Trying now.' : `Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s.`;
  return `The server cannot be reached. ${when}`;
}

function drawEnd({ phase, rooms, more, busy, message, total }, live) {
  const ready = phase === 'ready';
  byId('more').hidden = !more;
  byId('more').disabled = busy;
  byId('more-error').textContent = ready ? message ?? '' : '';
  byId('end').hidden = !(live && ready && rooms.length >= MOST_LIVE);
  byId('rooms-count').textContent = ready && total ? String(total) : '';
}

function drawLine(phase) {
  byId('feed-state').dataset.phase = phase === 'stopped' ? 'refused' : phase;
  byId('feed-text').textContent = LINES[phase] ?? 'Not live';
}

/** What was found, and that there is trouble, is read out once; what merely changes is not. */
function speaker(browse) {
  let spoken = '';
  return ({ phase, busy, total }) => {
    const words = wordsFor(phase, total);
    if (busy || words === null || (phase === 'ready' && browse.live)) return;
    const said = `${browse.q}/${browse.sort}/${words}`;
    if (said === spoken) return;
    spoken = said;
    announce(words);
  };
}

function wordsFor(phase, total) {
  switch (phase) {
    case 'ready': return total === 0 ? 'Nothing found.' : `${total} ${total === 1 ? 'canvas' : 'canvases'}.`;
    case 'failed': return `${LOST}.`;
    case 'barred': return `${BARRED.title}.`;
    default: return null;
  }
}

/** Whoever points at the list, or is in it with the keyboard, finds everything where it was. */
function holdWhileUsed(area, browse) {
  area.addEventListener('pointerenter', ({ pointerType }) => { if (pointerType === 'mouse') browse.hold(true); });
  area.addEventListener('pointerleave', () => browse.hold(area.matches(':focus-within')));
  area.addEventListener('focusin', () => browse.hold(true));
  area.addEventListener('focusout', ({ relatedTarget }) => browse.hold(area.contains(relatedTarget) || area.matches(':hover')));
}
