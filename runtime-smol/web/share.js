// Owns: the dialog that passes the room on: its address for everyone, links with a role and an end for owners.
// Not here: how the server is asked (shares.js).

import { byId, element } from './dom.js';
import { isGuest } from './rights.js';
import { asking, copyBy, sheet } from './sheets.js';
import { SPANS, Shares, endInWords, shareAddress } from './shares.js';

const MAY = { viewer: 'look', editor: 'edit' };

export function wireShare({ id, replica, query, identity }) {
  const shares = new Shares({ origin: location.origin, room: id, token: () => identity.token, fetch: fetch.bind(globalThis) });
  const error = byId('share-error');
  // A link that one came by is meant to be passed on.
  const address = shareAddress(location.origin, id, query.get('share'));
  const dialog = sheet(byId('share'), () => {
    byId('share-address').value = address;
    say('');
    draw();
    if (owns()) refresh();
  });
  const owns = () => replica.role === 'owner';
  const say = (text) => { byId('share-said').textContent = text; };

  function draw() {
    byId('share-text').textContent = words();
    byId('share-links').hidden = !owns();
  }

  function words() {
    if (owns() && !replica.room.isPublic) return 'The room is private: the address alone lets in only people with a role here.';
    if (owns() && replica.room.defaultRole === replica.room.guestRole) return `Whoever has the address comes in and may ${MAY[replica.room.guestRole]}.`;
    if (owns()) return `Whoever has the address comes in: people who signed in may ${MAY[replica.room.defaultRole]}, guests may ${MAY[replica.room.guestRole]}.`;
    if (isGuest(replica.userId)) return 'Whoever has the address comes in. To decide who may do what, sign in before you open a new canvas: then you own it.';
    return 'Whoever has the address comes in. Links with an end and a role are made by an owner of this canvas.';
  }

  async function pass(button, text) {
    if (await copyBy(button, text)) return say('Copied.');
    byId('share-address').value = text;
    byId('share-address').select();
    return say('Copying is not allowed here. The address is selected; copy it by hand.');
  }

  function refresh() {
    return asking(byId('share-make'), error, async () => {
      const list = await shares.list();
      byId('share-none').hidden = list.length > 0;
      byId('share-list').replaceChildren(...list.map(row));
    });
  }

  function row({ id: share, token, role, expiresAt }) {
    const end = element('span', { text: endInWords(expiresAt, Date.now()) });
    if (expiresAt !== null) end.title = new Date(expiresAt).toLocaleString();
    const about = element('p', { id: `share-${share}` }, element('b', { text: role === 'editor' ? 'May edit' : 'May look' }), end);
    const copyIt = element('button', { type: 'button', className: 'secondary', text: 'Copy', 'aria-describedby': `share-${share}` });
    copyIt.addEventListener('click', () => pass(copyIt, shareAddress(location.origin, id, token)));
    const revoke = element('button', { type: 'button', className: 'secondary danger', text: 'Revoke', 'aria-describedby': `share-${share}` });
    revoke.addEventListener('click', () => asking(revoke, error, async () => {
      await shares.revoke(share);
      say('The link was revoked.');
      await refresh();
      byId('share-make').focus();
    }));
    return element('li', { 'data-share': share }, about, ...(token === null ? [] : [copyIt]), revoke);
  }

  byId('share-end').append(...SPANS.map(([text], i) => element('option', { value: String(i), text: text.toLowerCase() })));
  byId('share-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const span = SPANS[Number(byId('share-end').value)][1];
    await asking(byId('share-make'), error, async () => {
      const made = await shares.make({ role: byId('share-role').value, expiresAt: span === null ? null : Date.now() + span });
      await refresh();
      byId('share-list').querySelector(`[data-share="${CSS.escape(made.id)}"] button`)?.focus();
      say('The link was made.');
    });
  });
  byId('share-open').addEventListener('click', () => dialog.open());
  byId('share-copy').addEventListener('click', () => pass(byId('share-copy'), address));
  replica.on('room', draw);
}
