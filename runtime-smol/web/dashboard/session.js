// Owns: signing in and out. The secret goes to the server once and is kept nowhere here.

import { byId } from '/dom.js';

const ADDRESS = '/dashboard/session';

/** `onIn` is called once the server has taken the secret. */
export function wireSignIn(onIn) {
  const [form, secret, error, reveal] = [byId('sign-in'), byId('secret'), byId('sign-in-error'), byId('reveal')];
  const button = form.querySelector('[type="submit"]');

  function show(isShown) {
    secret.type = isShown ? 'text' : 'password';
    reveal.setAttribute('aria-pressed', String(isShown));
    reveal.title = isShown ? 'Hide the secret' : 'Show the secret';
    reveal.setAttribute('aria-label', reveal.title);
  }
  function fail(message) {
    error.textContent = message;
    secret.setAttribute('aria-invalid', String(message !== ''));
  }

  reveal.addEventListener('click', () => show(secret.type === 'password'));
  secret.addEventListener('input', () => fail(''));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    fail('');
    if (secret.value.trim() === '') fail('Type the secret first.');
    else {
      button.disabled = true;
      const problem = await send('POST', { secret: secret.value });
      button.disabled = false;
      if (problem === null) {
        secret.value = '';
        show(false);
        return onIn();
      }
      fail(problem);
    }
    secret.focus();
    secret.select();
  });
}

/** Has the server take the sign-in back; why it did not, or null. */
export const signOut = () => send('DELETE');

async function send(method, body) {
  try {
    const answer = await fetch(ADDRESS, { method, body: body && JSON.stringify(body), headers: body && { 'content-type': 'application/json' } });
    return answer.ok ? null : (await answer.json()).message;
  } catch {
    return 'The server does not answer. Try again.';
  }
}
