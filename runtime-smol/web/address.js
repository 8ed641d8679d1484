// Owns: which image addresses are worth sending to the server, and the sentence when one is not. Free of DOM.
// The server decides in the end; this only answers sooner and says more.

const LONGEST = 2048;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** { src } or { error }. */
export function checkAddress(text) {
  const given = text.trim();
  if (given === '') return { error: 'Paste the address of an image first.' };
  let url;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:/i.test(given) ? given : `https://${given}`);
  } catch {
    return { error: 'This is not a web address.' };
  }
  const local = url.protocol === 'http:' && LOOPBACK.has(url.hostname);
  if (url.protocol !== 'https:' && !local) return { error: 'The address has to begin with https://' };
  if (url.username || url.password) return { error: 'An address with a password in it would show it to everyone.' };
  if (url.href.length > LONGEST) return { error: 'This address is too long (2,048 characters at most).' };
  return { src: url.href };
}

/** A name to read out: the last part of the path, or the host. */
export function titleOf(src) {
  const url = new URL(src);
  let file = url.pathname.split('/').pop();
  try {
    file = decodeURIComponent(file);
  } catch {
    // not UTF-8: read it as it stands
  }
  return (file.replace(/\.[a-z0-9]{1,5}$/i, '').replace(/[-_]+/g, ' ').trim() || url.hostname).slice(0, 80);
}
