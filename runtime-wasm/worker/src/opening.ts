// Owns: a socket between its upgrade and the machine's first word on it. What is said to it meanwhile waits: the platform
// keeps only a socket that stays, and ends one for good that is accepted to be turned away.

import type { Kept } from './sockets';

export class Opening {
  /** What its client is given. */
  readonly client: WebSocket;
  readonly server: WebSocket;
  #texts: string[] = [];
  #kept: Kept | null = null;
  #closed: { code: number; reason: string } | null = null;

  constructor() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.client = client;
    this.server = server;
  }

  send(text: string): void {
    this.#texts.push(text);
  }

  keep(kept: Kept): void {
    this.#kept = kept;
  }

  close(code: number, reason: string): void {
    this.#closed = { code, reason };
  }

  /** Has it kept by the platform under this tag, or ends it, as the machine said. */
  settle(ctx: DurableObjectState, tag: string): void {
    if (this.#closed === null) ctx.acceptWebSocket(this.server, [tag]);
    else this.server.accept();
    for (const text of this.#texts) this.server.send(text);
    if (this.#kept !== null) this.server.serializeAttachment(this.#kept);
    if (this.#closed !== null) this.server.close(this.#closed.code, this.#closed.reason);
  }

  /** The answer to the upgrade. */
  answer(request: Request): Response {
    const protocol = request.headers.get('sec-websocket-protocol');
    return new Response(null, { status: 101, webSocket: this.client, headers: protocol === null ? {} : { 'sec-websocket-protocol': protocol } });
  }
}
