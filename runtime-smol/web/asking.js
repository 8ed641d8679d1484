// Owns: one question to the server over plain HTTP, and the sentence for an answer that is none. Free of DOM.

/** What the server, or the way to it, said no with: `message` is a sentence; `status` is 0 where nothing came back. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The answer's JSON, or {} if it has none. `token` goes in the header; `why` has sentences by status that lead over the server's. */
export async function ask(fetch, address, { method = 'GET', token = null, body, why = new Map(), cache = 'no-store', signal } = {}) {
  const headers = {};
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), cache, credentials: 'omit', signal });
  } catch {
    throw new Refused('The server cannot be reached. Try again once you are back online.', 0);
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  throw new Refused(why.get(answer.status) ?? sentenceIn(told) ?? `The server answered ${answer.status}.`, answer.status);
}

function sentenceIn(told) {
  const message = told?.message ?? told?.error?.message;
  return typeof message === 'string' ? message : undefined;
}
