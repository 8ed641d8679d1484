// Session tokens as Clerk makes them, by a key pair of one's own. For targets that take them, and knows nothing of hosts.

import { generateKeyPairSync, sign } from 'node:crypto';

export const ISSUER = 'https://clerk.example.com';
/** The publishable key of that instance. */
export const PUBLISHABLE_KEY = `pk_test_${Buffer.from('clerk.example.com$').toString('base64')}`;
/** The page that its tokens are made for. */
export const PAGE = 'https://app.example.com';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The same object with these members set; `null` takes one away. */
const put = (object, members) => Object.fromEntries(Object.entries({ ...object, ...members }).filter(([, value]) => value !== null));

export class Mint {
  #key;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#key = privateKey;
    this.publicPem = publicKey.export({ type: 'spki', format: 'pem' });
  }

  /** A token of this person. */
  token(sub, claims = {}, header = {}) {
    const now = Math.floor(Date.now() / 1000);
    const said = { azp: PAGE, exp: now + 60, iat: now, iss: ISSUER, nbf: now - 10, sid: 'sess_2qK', sts: 'active', sub, v: 2 };
    const words = `${part(put({ alg: 'RS256', kid: 'key-a', typ: 'JWT' }, header))}.${part(put(said, claims))}`;
    return `${words}.${sign('sha256', Buffer.from(words), this.#key).toString('base64url')}`;
  }
}
