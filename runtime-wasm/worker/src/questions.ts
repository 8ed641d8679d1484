// Owns: what plain requests ask of a room. The room says whether they may; nothing here decides.

import { inputs, type Link, type Writer } from './codec';
import type { Person } from './person';
import type * as wasm from './wasm';

/** What is asked. */
export type What =
  | { do: 'describe' | 'preview' | 'may-edit' | 'shares' | 'delete' }
  | { do: 'create'; name: string | null; isPublic: boolean; link: Link | null; called: string | null }
  | { do: 'act'; message: Uint8Array }
  | { do: 'share'; link: Link }
  | { do: 'unshare'; id: string };

/** A question by somebody who need not be in the room, and the link that they hold. */
export interface Question {
  by: Person;
  share: string | null;
  what: What;
}

/** What came of it: JSON where that was asked for, or the code of a refusal. */
export type Told = { json: string } | 'done' | { refused: string } | 'unavailable' | 'away';

/** How many images a thumbnail is drawn from: more would not show. */
const PREVIEW_IMAGES = 40;

/** Answers at once, or gives what the room is to be told under this ticket. */
export function put(room: wasm.Room, now: number, { by, share, what }: Question, ticket: number): Told | ((to: Writer) => void) {
  if (room.fault !== undefined) return 'unavailable';
  const { user, verified, org, address, lease } = by;
  const asker = JSON.stringify({ user, verified, org, address, lease });
  const refusal = (action: string): { refused: string } | null => {
    const code = room.allows(now, asker, share ?? undefined, action);
    return code === undefined ? null : { refused: code };
  };
  switch (what.do) {
    case 'describe': {
      const summary = room.summary();
      return refusal('attend') ?? (summary === undefined ? { refused: 'not_found' } : { json: summary });
    }
    case 'preview': return refusal('attend') ?? { json: new TextDecoder().decode(room.preview(PREVIEW_IMAGES)) };
    case 'may-edit': return refusal('edit') ?? 'done';
    case 'shares': {
      const shares = room.shares(by.user);
      const { refused } = JSON.parse(shares) as { refused?: string };
      return refused === undefined ? { json: shares } : { refused };
    }
    case 'create': {
      const creator = { user: by.user, verified: by.verified, name: by.name ?? what.called };
      return inputs.create(ticket, creator, what.name, what.isPublic, what.link);
    }
  }
  // A room that was never born goes as soon as it is loaded, and would not hear a command.
  if (!room.isBorn) return { refused: 'not_found' };
  switch (what.do) {
    case 'act': return inputs.act(ticket, by.user, what.message);
    case 'delete': return inputs.delete(ticket, by.user);
    case 'share': return inputs.share(ticket, by.user, what.link);
    case 'unshare': return inputs.unshare(ticket, by.user, what.id);
  }
}
