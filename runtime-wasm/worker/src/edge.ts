// Owns: which requests are heard at all, by whose pages, and what every answer has. It costs no object's time.

import { DATA_POLICY, problem } from './http';
import { isLoopbackHost, isLoopbackOrigin } from './origins';
import type { Settings } from './settings';

const TARGET_BYTES = 8 * 1024;

/** Whose pages may ask: those that the operator listed, the server's own, or all of them. */
export type Askers = 'listed' | 'own' | 'both';

/** Why a request is not heard, or null. */
export function turnedAway(request: Request, settings: Settings, askers: Askers): Response | null {
  const url = new URL(request.url);
  const { headers } = request;
  if (url.pathname.length + url.search.length > TARGET_BYTES) return problem(414, 'too_long', 'The address is too long.');
  if (settings.mode === 'dev') {
    const forwarded = [...headers.keys()].some((name) => name === 'forwarded' || name === 'via' || name.startsWith('x-forwarded-'));
    if (!isLoopbackHost(headers.get('host') ?? '') || forwarded) {
      return problem(421, 'misdirected', 'A development server answers only to localhost, and to no proxy.');
    }
  }
  const origin = headers.get('origin');
  const mayAsk = (askers !== 'listed' && origin === url.origin) || (askers !== 'own' && origin !== null && knows(origin, settings));
  if (origin !== null && !mayAsk) {
    return problem(403, 'forbidden', 'Pages of this origin may not use this server.');
  }
  const hasBody = Number(headers.get('content-length') ?? 0) !== 0 || headers.has('transfer-encoding');
  if (hasBody && ['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return problem(400, 'bad_body', 'This request has no body.');
  return null;
}

/** Whether pages of this origin may ask: byte for byte as it is listed. */
function knows(origin: string, settings: Settings): boolean {
  return settings.origins.includes(origin) || origin === settings.publicUrl || (settings.mode === 'dev' && isLoopbackOrigin(origin));
}

/** What every answer has. `reads`: whether pages may read it. */
export function finish(request: Request, answer: Response, settings: Settings, reads: boolean): Response {
  // A socket's answer keeps its socket.
  if (answer.webSocket) return answer;
  const finished = new Response(answer.body, answer);
  const { headers } = finished;
  headers.set('x-content-type-options', 'nosniff');
  headers.set('referrer-policy', 'no-referrer');
  if (!headers.has('content-security-policy')) headers.set('content-security-policy', DATA_POLICY);
  headers.append('vary', 'Origin');
  if (settings.mode !== 'dev') headers.set('strict-transport-security', 'max-age=31536000');
  const origin = request.headers.get('origin');
  if (reads && origin !== null && knows(origin, settings)) headers.set('access-control-allow-origin', origin);
  return finished;
}
