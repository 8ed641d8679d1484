// Owns: how the state of the connection is shown: the pill, the banner with its countdown, the refusal, what is read out.

import { announce, byId } from './dom.js';

const REFUSALS = new Map([
  [4101, ['Your sign-in has expired', 'Sign in again, then come back to this page.']],
  [4102, ['Sign in to open this canvas', 'Only people who have signed in may see it.']],
  [4501, ['This canvas is not open to you', 'Ask its owner to let you in, or for a link to share.']],
  [4502, ['There is no such canvas', 'It may have been deleted, or its name was mistyped.']],
  [4503, ['You were removed from this canvas', 'Its owner did that. What you have added stays there.']],
  [4504, ['You are banned from this canvas', 'Its owner did that. Only they can let you in again.']],
  [4505, ['This canvas is full', 'Every place is taken. Try again when somebody has left.']],
  [4506, ['This canvas was closed', 'Nobody can open it at the moment.']],
]);
const UNSAVED_AFTER = 1_500; // ms: an answer that takes no longer is no news

export function showConnection(session) {
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
    if (state.phase === 'refused') {
      const [title, words] = REFUSALS.get(state.code) ?? ['This canvas did not let you in', state.message];
      byId('refusal-title').textContent = title;
      byId('refusal-text').textContent = words;
    }
    const spoken = { live: 'Connected.', waiting: 'Connection lost. Reconnecting.', refused: state.message }[state.phase];
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

  session.on('state', (state) => {
    draw();
    if (state.phase === 'refused') byId('refusal-retry').focus();
  });
  setInterval(draw, 250); // the countdown, and edits whose answer is late
  session.replica.on('room', draw);
  for (const id of ['state', 'banner-now']) byId(id).addEventListener('click', () => session.wake());
  byId('refusal-retry').addEventListener('click', () => session.start());
  addEventListener('online', () => session.wake());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') session.wake();
  });
  addEventListener('beforeunload', (event) => {
    if (session.unanswered > 0 && session.state.phase === 'waiting') event.preventDefault();
  });
}
