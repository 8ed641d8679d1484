// Owns: asking for the numbers: every five seconds while somebody looks, and at once when something else is asked for.

const EVERY_MS = 5000;
const PATIENCE_MS = 10_000;

export class Feed {
  #query;
  #tell;
  #isOn = false;
  #timer = null;
  #asking = null;

  /** `query` says what is asked for now; `tell` hears `{ data }`, `{ refused }` (by whom it may not be seen) or `{ failed }`. */
  constructor(query, tell) {
    this.#query = query;
    this.#tell = tell;
    document.addEventListener('visibilitychange', () => this.ask());
  }

  start() {
    this.#isOn = true;
    void this.ask();
  }

  stop() {
    this.#isOn = false;
    void this.ask();
  }

  /** Asks now, and no more for what was asked before. */
  async ask() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
    if (!this.#isOn || document.hidden) return;
    const asking = new AbortController();
    this.#asking = asking;
    const outcome = await answer(this.#query(), asking.signal);
    if (this.#asking !== asking) return;
    this.#asking = null;
    this.#timer = setTimeout(() => this.ask(), EVERY_MS);
    this.#tell(outcome);
  }
}

async function answer(query, signal) {
  try {
    const response = await fetch(`/dashboard/data?${query}`, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]), cache: 'no-store' });
    if (response.ok) return { data: await response.json() };
    const { error, message } = await response.json();
    return response.status === 401 || response.status === 403 ? { refused: { error, message } } : { failed: message };
  } catch {
    // Whatever it is, a person can do nothing but wait, and the browser's own console says more.
    return { failed: 'The server does not answer.' };
  }
}
