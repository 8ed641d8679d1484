// Plain requests, each on a connection of its own, and what an answer must be: the status, the whole body and every
// header that a client acts on, exactly. What else a platform says (`date`, `connection`, lengths) is not looked at.

import assert from 'node:assert/strict';
import { request } from 'node:http';

/** The headers that a client acts on. */
const MATTERS = [
  'accept-ranges',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
  'allow',
  'cache-control',
  'content-security-policy',
  'content-type',
  'etag',
  'location',
  'referrer-policy',
  'retry-after',
  'set-cookie',
  'vary',
  'www-authenticate',
  'x-content-type-options',
];

/** What every answer says. */
const ALWAYS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'vary': 'Origin',
  'x-content-type-options': 'nosniff',
};

/** The sentence of each code that a room or the door gives. */
export const SENTENCES = {
  conflict: 'This contradicts what is already there.',
  forbidden: 'Your role does not allow this.',
  limit_rooms: 'You have created too many rooms; try again later.',
  locked: 'The room is locked; only its owner can edit.',
  not_found: 'There is no such room.',
  too_long: 'A text is longer than is allowed; shorten it.',
  too_many: 'That is more than is allowed at once; send fewer.',
};

export const BAD_ROOM = "A room's id is 1 to 64 letters, digits, hyphens and underscores.";

/** Asks, and gives the status, the headers and the body. `body` is text, bytes, or something to send as JSON. */
export function ask(place, method, path, { token, headers = {}, body } = {}) {
  const isData = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = isData ? body : JSON.stringify(body);
  const bearer = token ? { authorization: `Bearer ${token}` } : {};
  const length = bytes === undefined ? {} : { 'content-length': Buffer.byteLength(bytes) };
  return send(place, method, path, { ...bearer, ...length, ...headers }, (asking) => asking.end(bytes));
}

/** The same with a body that `write` sends. */
export function send(place, method, path, headers, write) {
  const [host, port] = place.target.host.split(':');
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, method, path, headers, agent: false }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => {
        asking.destroy();
        const bytes = Buffer.concat(pieces);
        resolve({ what: `${method} ${path}`, status: answer.statusCode, headers: answer.headers, bytes, body: String(bytes) });
      });
    });
    asking.on('upgrade', (answer, socket) => {
      socket.destroy();
      resolve({ what: `${method} ${path}`, status: answer.statusCode, headers: answer.headers, body: '' });
    });
    asking.on('error', reject);
    write(asking);
  });
}

/** The headers of an answer that a client acts on. */
export function matters({ headers }) {
  return Object.fromEntries(MATTERS.filter((name) => name in headers).map((name) => [name, headers[name]]));
}

/** Compares a whole answer. A body is an object, which comes as JSON, a text, or `null` for none. */
export function told(answer, status, body, more = {}) {
  assert.equal(answer.status, status, `${answer.what}: ${answer.body}`);
  const kind = body === null ? {} : {
    'cache-control': 'no-store',
    'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json',
  };
  assert.deepEqual(matters(answer), { ...ALWAYS, ...kind, ...more }, answer.what);
  if (body === null || typeof body === 'string') assert.equal(answer.body, body ?? '', answer.what);
  else assert.equal(answer.body, JSON.stringify(body), answer.what);
}

/** Compares a refusal. */
export function refused(answer, status, error, message = SENTENCES[error], more = {}) {
  told(answer, status, { error, message }, more);
}

/** Compares the refusal of someone whose token is not good, or is not there. */
export function unknown(answer, error, message, more = {}) {
  refused(answer, 401, error, message, { 'www-authenticate': 'Bearer', ...more });
}

/** The JSON of an answer of that status. */
export function json(answer, status = 200) {
  assert.equal(answer.status, status, `${answer.what}: ${answer.body}`);
  return JSON.parse(answer.body);
}
