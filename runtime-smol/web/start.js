// Owns: the first page: the list of public rooms, live or searched, the rooms visited before, and the way to a new one.
// Not here: what is listed (browse.js), how that is shown (found.js).

import { showAccount } from './account.js';
import { Browse, SORTS } from './browse.js';
import { Cards } from './cards.js';
import { wireCreate } from './create.js';
import { byId, element } from './dom.js';
import { Feed } from './feed.js';
import { showFound } from './found.js';
import { Listing } from './listing.js';
import { device, pkOf, tab } from './memory.js';
import { LIST, registryOf } from './registry.js';
import { addressIn } from './rooms.js';
import { Thumbs } from './thumbs.js';
import { toast } from './toasts.js';
import { showVisits } from './visits.js';

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
  showFound({ browse, feed, cards: new Cards(byId('rooms'), thumbs), account });
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
