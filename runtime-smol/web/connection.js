// Owns: how the state of the connection is shown: the pill, the banner with its countdown, what is read out; and the screen for
// those who are not let in or are let go. Not here: the words of that screen (refusals.js).

import { announce, byId } from './dom.js';
import { screenFor } from './refusals.js';
import { closeSheets } from './sheets.js';
import { clearToasts } from './toasts.js';

const UNSAVED_AFTER = 1_500; // ms: an answer that takes no longer is no news

export function showConnection({ session, identity, account }) {
  const pill = byId('state');
  const text = byId('state-text');
  const banner = byId('banner');
  let told = '';
  let since = null;

  function draw() {
    const { state } = session;
    const kept = session.unanswered;
    since = kept === 0 ? null : since ?? Date.now();
    pill.dataset.phase = state.phase;
    document.body.classList.toggle('away', state.phase !== 'live'); // nobody moves while one is away
    text.textContent = words(state, kept);
    byId('loading').hidden = state.phase !== 'connecting' || session.replica.seq !== null;
    banner.hidden = state.phase !== 'waiting' && !(state.phase === 'connecting' && state.again);
    if (!banner.hidden) drawBanner(state, kept);
    byId('refusal').hidden = state.phase !== 'refused';
    if (state.phase !== 'refused') byId('refusal').close();
    const spoken = { live: 'Connected.', waiting: 'Connection lost. Reconnecting.' }[state.phase];
    if (spoken && spoken !== told) announce(spoken);
    told = spoken ?? told;
  }

  function words(state, kept) {
    switch (state.phase) {
      case 'live':
        if (since !== null && Date.now() - since > UNSAVED_AFTER) return 'Saving';
        return session.replica.canEdit ? 'Live' : 'View only';
      case 'waiting': return kept > 0 ? `Offline · ${kept} unsent` : 'Offline';
      case 'refused': return 'Not connected';
      default: return state.again ? 'Reconnecting' : 'Connecting';
    }
  }

  function drawBanner(state, kept) {
    const offline = !navigator.onLine;
    byId('banner-title').textContent = offline ? 'You are offline' : 'Connection lost';
    const left = state.phase === 'waiting' ? Math.max(1, Math.ceil((state.retryAt - Date.now()) / 1_000)) : 0;
    const when = left === 0 ? 'Trying now.' : `Trying again in ${left} s.`;
    const what = kept === 0 ? 'Go on; what you do is kept.' : `${kept} ${kept === 1 ? 'edit waits' : 'edits wait'} here and will be sent.`;
    byId('banner-text').textContent = `${when} ${what}`;
    byId('banner-now').disabled = left === 0;
  }

  function refuse(state) {
    const screen = screenFor(state.code, { message: state.message, reason: session.replica.reason, signedIn: identity.token !== null });
    closeSheets();
    clearToasts(); // the screen says it all
    byId('refusal-title').textContent = screen.title;
    byId('refusal-text').textContent = screen.text;
    byId('refusal-said').hidden = screen.reason === null;
    byId('refusal-reason').textContent = screen.reason ?? '';
    for (const [button, words] of [['refusal-sign-in', screen.signIn], ['refusal-retry', screen.retry]]) {
      byId(button).hidden = words === null;
      if (words !== null) byId(button).textContent = words;
    }
    byId('refusal-guest').hidden = !screen.guest;
    byId('refusal-leave').className = screen.signIn === null && screen.retry === null ? 'primary' : 'secondary'; // the one way on
    byId('refusal').showModal();
    byId('refusal').querySelector('.row > :not([hidden])').focus(); // reads the whole screen out
  }

  session.on('state', (state) => {
    draw();
    if (state.phase === 'refused') refuse(state);
  });
  setInterval(draw, 250); // the countdown, and edits whose answer is late
  session.replica.on('room', draw);
  for (const id of ['state', 'banner-now']) byId(id).addEventListener('click', () => session.wake());
  byId('refusal-retry').addEventListener('click', () => session.start());
  byId('refusal-sign-in').addEventListener('click', () => account.open());
  byId('refusal').addEventListener('cancel', (event) => event.preventDefault());
  byId('refusal-guest').addEventListener('click', () => identity.signOut());
  addEventListener('online', () => session.wake());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') session.wake();
  });
  addEventListener('beforeunload', (event) => {
    if (session.unanswered > 0 && session.state.phase === 'waiting') event.preventDefault();
  });
}
