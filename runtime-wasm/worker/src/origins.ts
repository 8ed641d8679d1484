// Owns: what an origin is, and which pages and hosts are those of whichever machine they are opened on.

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** Whether an origin is written exactly as browsers write it: anything else would never match. */
export function isOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    return (url.protocol === 'https:' || url.protocol === 'http:') && url.origin === text && !text.includes('*');
  } catch {
    return false;
  }
}

/** Whether a `Host` names this machine. */
export const isLoopbackHost = (host: string): boolean => LOOPBACK.test(host);

/** Whether an `Origin` is a page of this machine. */
export const isLoopbackOrigin = (origin: string): boolean => /^https?:\/\//.test(origin) && LOOPBACK.test(origin.replace(/^https?:\/\//, ''));
