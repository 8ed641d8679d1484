// Owns: the first page: the list of public rooms, live or searched, the rooms visited before, and the way to a new one.
// Not here: what is listed (browse.js), how a room looks in it (cards.js).

import { showAccount } from './account.js';
import { Browse, SORTS } from './browse.js';
import { Cards, blanks } from './cards.js';
import { wireCreate } from './create.js';
import { announce, byId, element, onceAFrame } from './dom.js';
import { Feed } from './feed.js';
import { Listing } from './listing.js';
import { device, pkOf, tab } from './memory.js';
import { LIST, registryOf } from './registry.js';
import { addressIn, addressOf, isRoomId } from './rooms.js';
import { Thumbs } from './thumbs.js';
import { toast } from './toasts.js';
import { showVisits } from './visits.js';

const MOST_LIVE = 100; // that many the live list has
const BLANKS = 8;

function connect(identity, query) {
  const registry = registryOf(identity);
  const host = {
    WebSocket, now: Date.now, random: Math.random,
    setTimeout: (fn, delay) => setTimeout(fn, delay), clearTimeout: (timer) => clearTimeout(timer),
  };
  const feed = new Feed(() => {
    const url = new URL(LIST, location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('_pk', pkOf(tab));
    if (identity.token !== null) url.searchParams.set('token', identity.token); // a browser's socket sends no header
    return url.href;
  }, host);
  const browse = new Browse({ feed, listing: new Listing(), registry, host, q: query.get('q') ?? '', sort: query.get('sort') ?? undefined });
  return { registry, feed, browse };
}

export function showStart(identity, query, complaint = '') {
  byId('start').hidden = false;
  byId('start-error').textContent = complaint;
  const account = wireAccount(identity);
  const { registry, feed, browse } = connect(identity, query);
  const thumbs = new Thumbs((id, share) => registry.preview(id, share));
  const create = wireCreate({ registry, identity, account });
  const visits = showVisits({ memory: device, registry, thumbs });
  for (const id of ['create-open', 'none-create']) byId(id).addEventListener('click', () => create.open(id === 'none-create' ? browse.q.slice(0, 32) : ''));
  wireSearch(browse);
  wireList({ browse, feed, cards: new Cards(byId('rooms'), thumbs), account });
  identity.on('change', () => {
    feed.stop();
    browse.again();
    visits.fill();
  });
  const said = tab.get('said');
  tab.remove('said');
  if (said !== null) toast(said);
  browse.start();
}

function wireAccount(identity) {
  const account = showAccount({ identity });
  const sign = byId('start-account');
  const tell = () => { sign.textContent = account.known().signedIn ? account.known().name : 'Sign in'; };
  tell();
  identity.on('change', tell);
  sign.addEventListener('click', () => account.open());
  return account;
}

/** The search and the order stand in the address: one comes back to them from a room. */
function wireSearch(browse) {
  const field = byId('search');
  const order = byId('sort');
  order.append(...[...SORTS].map(([value, text]) => element('option', { value, text })));
  field.value = browse.q;
  order.value = browse.sort;
  const note = () => {
    const query = new URLSearchParams();
    if (browse.q !== '') query.set('q', browse.q);
    if (browse.sort !== order.options[0].value) query.set('sort', browse.sort);
    history.replaceState(history.state, '', query.size > 0 ? `/?${query}` : '/');
  };
  field.addEventListener('input', () => {
    byId('start-error').textContent = '';
    const link = addressIn(field.value) !== null;
    byId('search-open').hidden = !link;
    if (link) return; // that is no search
    browse.search(field.value);
    note();
  });
  byId('search-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const link = addressIn(field.value);
    if (link !== null) location.assign(link);
    else field.blur(); // a phone's keyboard covers what was found
  });
  order.addEventListener('change', () => {
    browse.order(order.value);
    note();
  });
  byId('none-clear').addEventListener('click', () => {
    field.value = '';
    browse.search('');
    note();
    field.focus();
  });
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.closest?.('input, textarea, select, dialog')) return;
    event.preventDefault();
    field.focus();
  });
}

function wireList({ browse, feed, cards, account }) {
  const list = byId('rooms');
  byId('rooms-blank').replaceChildren(...blanks(BLANKS));
  let spoken = '';
  let wanted = null; // the place of the card that the focus goes to once it is there

  function draw() {
    const view = browse.view;
    const none = view.phase === 'ready' && view.rooms.length === 0 && !view.busy;
    byId('rooms-blank').hidden = view.phase !== 'loading';
    list.hidden = view.phase !== 'ready' || view.rooms.length === 0;
    list.setAttribute('aria-busy', String(view.busy));
    cards.show(view.phase === 'ready' ? view.rooms : []);
    drawNone(none);
    drawTrouble(view);
    drawEnd(view);
    byId('news').hidden = view.news === 0;
    byId('news').textContent = view.news === 1 ? 'Show 1 new canvas' : `Show ${view.news} new canvases`;
    if (wanted !== null && !view.busy) {
      cards.link(wanted)?.focus();
      wanted = null;
    }
    speak(view);
  }

  function drawNone(none) {
    const asked = browse.q !== '';
    byId('none').hidden = !none;
    if (!none) return;
    byId('none-title').textContent = asked ? `No canvas is called “${browse.q}”` : 'No open canvases yet';
    byId('none-text').textContent = asked ? 'Names, and who made them, are searched. Private canvases are not on the list.' : 'Make the first one: put pictures on it, and everyone who comes here sees it.';
    byId('none-create').textContent = asked ? 'Make one of this name' : 'New canvas';
    byId('none-clear').hidden = !asked;
    const direct = byId('none-open');
    direct.hidden = !asked || !isRoomId(browse.q);
    if (!direct.hidden) direct.href = addressOf(browse.q);
  }

  function drawTrouble({ phase, message, retries, retryAt }) {
    const trouble = phase === 'failed' || phase === 'barred';
    byId('trouble').hidden = !trouble;
    if (!trouble) return;
    const barred = phase === 'barred';
    byId('trouble-title').textContent = barred ? 'Sign in to see the canvases' : 'The list cannot be shown';
    byId('trouble-text').textContent = barred ? 'This server shows them to people who have signed in.' : message ?? inWords(retryAt);
    byId('trouble-sign-in').hidden = !barred;
    byId('trouble-again').hidden = barred;
    byId('trouble-again').disabled = retries && retryAt === null;
  }

  function drawEnd({ phase, rooms, more, busy, message, total }) {
    byId('more').hidden = !more;
    byId('more').disabled = busy;
    byId('more-error').textContent = phase === 'ready' ? message ?? '' : '';
    byId('end').hidden = !(browse.live && phase === 'ready' && rooms.length >= MOST_LIVE);
    const { phase: line } = feed.state;
    const state = byId('feed-state');
    state.dataset.phase = line === 'refused' || line === 'stopped' ? 'refused' : line;
    byId('feed-text').textContent = { live: 'Live', waiting: 'Reconnecting', connecting: 'Connecting' }[line] ?? 'Not live';
    byId('rooms-count').textContent = phase === 'ready' && total ? String(total) : '';
  }

  /** What was found is read out; what merely changes is not. */
  function speak({ phase, busy, total }) {
    if (phase !== 'ready' || busy || browse.live) return;
    const words = total === 0 ? 'Nothing found.' : `${total} ${total === 1 ? 'canvas' : 'canvases'}.`;
    if (`${browse.q}/${browse.sort}/${words}` === spoken) return;
    spoken = `${browse.q}/${browse.sort}/${words}`;
    announce(words);
  }

  holdWhileUsed(byId('rooms-area'), browse);
  const show = onceAFrame(draw); // a card that goes may take the focus with it, which is news to the list
  browse.on('change', show);
  setInterval(show, 1_000); // the countdown, and how long ago
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
  document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') feed.wake(); });
}

/** Whoever points at the list, or is in it with the keyboard, finds everything where it was. */
function holdWhileUsed(area, browse) {
  area.addEventListener('pointerenter', ({ pointerType }) => { if (pointerType === 'mouse') browse.hold(true); });
  area.addEventListener('pointerleave', () => browse.hold(area.matches(':focus-within')));
  area.addEventListener('focusin', () => browse.hold(true));
  area.addEventListener('focusout', ({ relatedTarget }) => browse.hold(area.contains(relatedTarget) || area.matches(':hover')));
}

const inWords = (retryAt) => `The server cannot be reached. ${retryAt === null ? 'Trying now.' : `Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s.`}`;
