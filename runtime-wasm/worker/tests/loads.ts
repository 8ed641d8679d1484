// The registry's counts in an object of their own, at times that a test says.

import { DurableObject } from 'cloudflare:workers';
import type { Report } from '../src/load';
import { type Asked, Loads } from '../src/loads';

export class Counts extends DurableObject {
  #loads = new Loads(this.ctx.storage.sql);

  /** Takes reports, and what they come to is written. */
  async take(now: number, reports: Report[]): Promise<void> {
    Date.now = () => now;
    for (const report of reports) this.#loads.take(now, report);
    // The counts are written once the timer of that goes off, which was set before this one.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }

  seen(now: number, asked: Asked) {
    return this.#loads.seen(now, asked);
  }

  rows(): Record<string, number> {
    const count = (table: string) => this.ctx.storage.sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).one().count;
    return Object.fromEntries(['loads', 'minutes', 'isolates'].map((table) => [table, count(table)]));
  }
}

export default {
  async fetch(request: Request, env: { COUNTS: DurableObjectNamespace<Counts> }): Promise<Response> {
    const { name, call, args } = (await request.json()) as { name: string; call: 'take' | 'seen' | 'rows'; args: never };
    const counts = env.COUNTS.get(env.COUNTS.idFromName(name)) as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
    return Response.json((await counts[call]?.(...(args as unknown[]))) ?? null);
  },
};
