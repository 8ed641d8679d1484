// Owns: the entry. Every request is judged here before an object wakes: its page, its address, its method, its token.

import { signIn, signOut } from './admin';
import { api } from './api';
import { download, upload } from './assets';
import { owns } from './calls';
import * as dashboard from './dashboard';
import { finish, turnedAway } from './edge';
import { badRoom, blank, nothing, problem, text } from './http';
import { metrics } from './metrics';
import { page } from './pages';
import { account } from './person';
import { alter, list, revoke, shares } from './rooms';
import { askers, find, methods, type Personal, type Route } from './routes';
import { type Env, read, type Settings } from './settings';
import { identify, isReady, unknown, wantsSocket } from './signin';
import { asksOf, open } from './upgrade';
import { ask, personIn, registryOf, told, type Visit } from './visit';
import { issuer } from './wasm';

export { Registry } from './registry';
export { Room } from './room';

/** Read once an isolate: an environment never changes. */
let known: { of: Env; settings: Settings | string[] } | null = null;

export default {
  async fetch(request, env, ctx): Promise<Response> {
    if (known?.of !== env) known = { of: env, settings: read(env, (key) => JSON.parse(issuer(key))) };
    const { settings } = known;
    if (Array.isArray(settings)) return problem(500, 'misconfigured', settings.join(' '));
    const visit: Visit = { request, url: new URL(request.url), env, settings, wait: (work) => ctx.waitUntil(work) };
    if (owns(visit.url.pathname)) return finish(request, turnedAway(request, settings, 'listed') ?? (await api(visit)), settings, false);
    const where = find(visit.url.pathname);
    const answer = turnedAway(request, settings, askers(where)) ?? (await route(visit, where));
    return finish(request, answer, settings, askers(where) !== 'own');
  },
} satisfies ExportedHandler<Env>;

async function route(visit: Visit, route: Route): Promise<Response> {
  const { request } = visit;
  if (route.at === 'party' || route.at === 'bad-room') return answer(visit, route);
  if ((route.at === 'room' || route.at === 'list') && wantsSocket(request.headers)) {
    return open(visit, route.at === 'room' ? route.room : null);
  }
  const allowed = methods(route);
  if (request.method === 'OPTIONS') {
    return blank(204, {
      allow: allowed,
      'access-control-allow-methods': allowed,
      'access-control-allow-headers': 'Authorization, Content-Type',
      'access-control-max-age': '600',
    });
  }
  const isPage = route.at === 'page';
  if (isPage && (await page(visit)) === null) return nothing();
  if (!allowed.split(', ').includes(request.method)) {
    return problem(405, 'bad_method', `This address has these methods: ${allowed}.`, { allow: allowed });
  }
  return answer(visit, route);
}

async function answer(visit: Visit, route: Route): Promise<Response> {
  const { request } = visit;
  switch (route.at) {
    case 'health': return text(200, 'ok');
    case 'ready': return ready(visit);
    case 'page': return (await page(visit)) ?? nothing();
    case 'asset': return download(visit, route.hash);
    case 'metrics': return metrics(visit);
    case 'dashboard': return dashboard.page(visit);
    case 'dashboard-file': return dashboard.file(visit);
    case 'dashboard-data': return dashboard.data(visit);
    case 'dashboard-session': return request.method === 'POST' ? signIn(visit) : signOut(visit);
    case 'party': return text(404, `Party ${route.name} not found`);
    case 'bad-room': return badRoom();
    case 'list': case 'listed': case 'room': case 'preview': case 'shares': case 'share': case 'upload': return personal(visit, route);
  }
}

async function ready({ env, settings, wait }: Visit): Promise<Response> {
  try {
    await registryOf(env).total();
  } catch {
    return problem(503, 'unavailable', 'The storage does not answer.');
  }
  return isReady(settings, wait) ? text(200, 'ready') : problem(503, 'unavailable', 'The keys that tokens are checked with cannot be had.');
}

/** Answers what depends on who asks. */
async function personal(visit: Visit, route: Personal): Promise<Response> {
  const who = await identify(visit.request, visit.settings, visit.wait);
  if (who !== 'guest' && (who === 'stray-cookie' || 'refused' in who)) return unknown(who);
  const asks = await asksOf(visit.url.searchParams, null);
  // Those who say nothing of themselves count as one.
  const by = await personIn(visit, who, asks.pk);
  switch (route.at) {
    case 'list': return list(visit, by, asks);
    case 'listed': return alter(visit, route.room, by);
    case 'room': return told(await ask(visit.env, route.room, by, asks.share, { do: 'describe' }));
    case 'preview': {
      // A page with many rooms asks for many of these.
      const preview = told(await ask(visit.env, route.room, by, asks.share, { do: 'preview' }));
      if (preview.ok) preview.headers.set('cache-control', 'private, max-age=30');
      return preview;
    }
    case 'shares': return shares(visit, route.room, by);
    case 'share': return revoke(visit, route.room, by, route.link);
    case 'upload': return upload(visit, by, account(by), asks.share);
  }
}
