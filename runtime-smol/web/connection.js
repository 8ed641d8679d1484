// Owns: how the state of the connection is shown: the pill, the countdown, the refusal, what is read out.

import { announce, byId } from './dom.js';

export function showConnection(session) {
  const pill = byId('state');
  const text = byId('state-text');
  let ticking = null;
  let told = '';

  function draw() {
    const { state } = session;
    pill.dataset.phase = state.phase;
    document.body.classList.toggle('away', state.phase !== 'live'); // nobody moves while one is away
    text.textContent = words(state);
    pill.title = state.phase === 'waiting' ? 'Try now' : '';
    byId('refusal').hidden = state.phase !== 'refused';
    if (state.phase === 'refused') byId('refusal-text').textContent = state.message;
    const spoken = { live: 'Connected.', waiting: 'Connection lost. Reconnecting.', refused: state.message }[state.phase];
    if (spoken && spoken !== told) announce(spoken);
    told = spoken ?? told;
  }

  function words(state) {
    const kept = session.unanswered;
    const tail = kept > 0 ? ` · ${kept} unsent` : '';
    switch (state.phase) {
      case 'live': return session.replica.canEdit ? 'Live' : 'Live, view only';
      case 'waiting': {
        if (!navigator.onLine) return `Offline${tail}`;
        return `Reconnecting in ${Math.max(1, Math.ceil((state.retryAt - Date.now()) / 1_000))} s${tail}`;
      }
      case 'refused': return 'Not connected';
      default: return state.again ? `Reconnecting${tail}` : 'Connecting';
    }
  }

  session.on('state', (state) => {
    draw();
    clearInterval(ticking);
    if (state.phase === 'waiting') ticking = setInterval(draw, 250);
    if (state.phase === 'refused') byId('refusal-retry').focus();
  });
  session.replica.on('room', draw);
  pill.addEventListener('click', () => session.wake());
  byId('refusal-retry').addEventListener('click', () => session.start());
  addEventListener('online', () => session.wake());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') session.wake();
  });
}
