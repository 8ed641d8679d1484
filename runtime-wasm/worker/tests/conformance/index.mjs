// What a client sees alike on every host: the rules HOST of `core/SPEC.md`, asked by the base address alone. A host that
// is to pass them gives `start(settings)`, which starts a target:
//
//   settings { auth: 'dev' | 'required' | 'optional', origins?, parties?, leaseGrace?, admin? }: who may come in, whose
//     pages may ask (`--allowed-origins`), the pages that tokens may be made for (`--clerk-authorized-parties`), how many
//     seconds a connection outlives its token (`--lease-grace`), the operator's secret (`--admin-secret`)
//   target { host, token(sub, claims?, header?), restart(), stop() }: `127.0.0.1:PORT`; a token of that person that the
//     target takes, by `Mint` where people sign in; a kill, as hard as it can be, and a start on what was stored; the end
//
// It owns which topic is asked of a target with which settings. Two targets are there at a time.

import { after, before, describe } from 'node:test';
import { assets } from './assets.mjs';
import { door, rooms, SECRET } from './back-end.mjs';
import { canvas, members } from './back-end-canvas.mjs';
import { badInput } from './bad-input.mjs';
import { deadlines } from './deadlines.mjs';
import { edits } from './edits.mjs';
import { guests } from './guests.mjs';
import { http, origins } from './http.mjs';
import { joins } from './joins.mjs';
import { presence } from './people.mjs';
import { links } from './links.mjs';
import { PAGE } from './mint.mjs';
import { registry, roomsOfOne } from './registry.mjs';
import { resume } from './resume.mjs';
import { restart } from './restart.mjs';
import { roles } from './roles.mjs';
import { tokens } from './tokens.mjs';

const SCENES = [
  ['in time', { auth: 'required', origins: [PAGE], leaseGrace: 25 }, [deadlines]],
  ['in development', { auth: 'dev' }, [joins, presence, edits, resume, registry, links, assets, badInput, http]],
  ['where people sign in', { auth: 'required', origins: [PAGE], parties: [PAGE] }, [roles, tokens, roomsOfOne]],
  ['where guests may come too', { auth: 'optional', origins: [PAGE] }, [guests, origins]],
  ['for a back end', { auth: 'dev', admin: SECRET }, [door, rooms, members, canvas]],
  ['over kills', { auth: 'dev' }, [restart]],
];

/** Registers the tests of a host. */
export function conformance(name, start) {
  // The first target mostly waits, so it is there beside the others, which come one after the other.
  describe(name, { concurrency: 2 }, () => {
    for (const [title, settings, topics] of SCENES) {
      describe(title, { concurrency: topics.includes(deadlines) }, () => {
        const place = { settings, target: null };
        before(async () => {
          place.target = await start(settings);
        });
        after(() => place.target?.stop());
        topics.forEach((topic) => topic(place));
      });
    }
  });
}
