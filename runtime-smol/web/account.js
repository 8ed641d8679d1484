// Owns: who one is, on screen: the sign in the header, the dialog that takes a session token, the word before its end.
// Not here: what a token is (token.js), what one may do (rights.js).

import { announce, byId, face } from './dom.js';
import { ROLES, isGuest } from './rights.js';
import { sheet } from './sheets.js';
import { toast } from './toasts.js';
import { readToken } from './token.js';

/** `renew(claims, token)`: true if the live connection took it as a fresh one of the same person. { open, close }. */
export function showAccount({ identity, renew = () => false, who = () => null }) {
  const field = byId('account-token');
  const error = byId('account-error');
  const dialog = sheet(byId('account'), () => {
    const { name, signedIn, role } = known();
    byId('account-title').textContent = signedIn ? name : 'Sign in';
    byId('account-text').textContent = signedIn
      ? `You are signed in${role ? ` here, with the role of ${role.toLowerCase()}` : ''}.`
      : `You are a guest${role ? ` here, with the role of ${role.toLowerCase()}` : ''}. People who sign in own the rooms they make.`;
    byId('account-label').textContent = signedIn ? 'A fresh session token' : 'Session token';
    byId('account-in').textContent = signedIn ? 'Renew' : 'Sign in';
    byId('account-out').hidden = identity.token === null;
    field.value = '';
    error.textContent = '';
  });

  function known() {
    const me = who();
    const { claims } = identity;
    const signedIn = me ? !isGuest(me.userId) : claims !== null;
    return { signedIn, name: (signedIn && (me?.name ?? claims?.name ?? claims?.sub)) || 'Guest', role: ROLES.get(me?.role) ?? '' };
  }

  byId('account-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const { error: complaint, token, ...claims } = readToken(field.value);
    if (complaint) {
      error.textContent = complaint;
      field.focus();
      return;
    }
    dialog.close();
    field.value = '';
    if (renew(claims, token)) {
      identity.keep(token);
      toast('A fresh token was sent.');
    } else identity.signIn(token);
  });
  field.addEventListener('input', () => { error.textContent = ''; });
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    byId('account-form').requestSubmit();
  });
  byId('account-out').addEventListener('click', () => {
    dialog.close();
    identity.signOut();
  });
  return { ...dialog, known };
}

/** In a room: the sign in the bar, and another person as soon as the token is another. */
export function wireAccount({ session, identity }) {
  const { replica } = session;
  const account = showAccount({
    identity,
    who: () => replica.users.get(replica.me) ?? null,
    renew: ({ sub }, token) => sub === replica.userId && session.renew(token),
  });
  const button = byId('account-open');

  function draw() {
    const me = replica.users.get(replica.me);
    const { signedIn, name, role } = account.known();
    byId('account-name').textContent = name;
    byId('account-role').textContent = role;
    byId('account-face').replaceChildren(face(me ?? { name, color: null }));
    const words = signedIn ? `${name}, signed in` : 'Guest';
    button.setAttribute('aria-label', `${words}${role ? `, ${role.toLowerCase()}` : ''}. ${signedIn ? 'Your sign-in' : 'Sign in'}`);
    button.title = signedIn ? 'Your sign-in' : 'Sign in';
  }
  for (const type of ['users', 'room']) replica.on(type, draw);
  draw();
  button.addEventListener('click', () => account.open());
  identity.on('change', () => session.restart());
  warnOfEnd(session, account);
  return account;
}

function warnOfEnd(session, account) {
  const notice = byId('expiring');
  let timer = null;
  function draw() {
    clearInterval(timer);
    const left = session.leaseEnd === null ? 0 : Math.ceil((session.leaseEnd - Date.now()) / 1_000);
    notice.hidden = left <= 0 || session.state.phase !== 'live';
    if (notice.hidden) return;
    byId('expiring-title').textContent = `Your sign-in ends in ${left} s`;
    timer = setInterval(draw, 1_000);
  }
  session.on('lease', () => {
    draw();
    if (!notice.hidden) announce(`${byId('expiring-title').textContent}. You can paste a fresh token.`);
  });
  session.on('state', draw);
  byId('expiring-renew').addEventListener('click', () => account.open());
}
