// Owns: the pages of the demo and the lab, which the platform serves as static files, and what they may load.

import type { Visit } from './visit';

const PAGE_POLICY =
  "default-src 'self'; img-src 'self' https: http://localhost:* http://127.0.0.1:* data: blob:; " +
  "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** The lab compiles its module, in a worker, and has all it needs within itself. */
const LAB_POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; object-src 'none'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The file at a path; null if there is none. */
export async function page({ request, url, env }: Visit): Promise<Response | null> {
  if (url.pathname === '/lab') return new Response(null, { status: 308, headers: { location: `/lab/${url.search}` } });
  const found = await env.ASSETS.fetch(url.href, { method: request.method === 'HEAD' ? 'HEAD' : 'GET', headers: request.headers });
  if (found.status === 404) return null;
  const answer = new Response(found.body, found);
  answer.headers.set('content-security-policy', url.pathname.startsWith('/lab/') ? LAB_POLICY : PAGE_POLICY);
  answer.headers.set('cache-control', 'no-cache');
  return answer;
}
