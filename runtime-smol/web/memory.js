// Owns: what this browser remembers between visits. Everything works, and forgets, when storage is not allowed.

function area(name) {
  return {
    get(key) {
      try {
        return globalThis[name].getItem(`kanvas.${key}`);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        globalThis[name].setItem(`kanvas.${key}`, value);
      } catch {
        // full or forbidden: this visit still works
      }
    },
    remove(key) {
      try {
        globalThis[name].removeItem(`kanvas.${key}`);
      } catch {
        // it was never kept
      }
    },
  };
}

/** For this tab: who it is to the server. */
export const tab = area('sessionStorage');
/** For this browser: name, canvases visited. */
export const device = area('localStorage');

/** `crypto.randomUUID` is missing on pages without TLS that are not on loopback. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The client's own id in this tab: it makes a guest the same person next time. */
export function pkOf(memory) {
  const pk = memory.get('pk') ?? uuid();
  memory.set('pk', pk);
  return pk;
}
