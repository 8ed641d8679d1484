// Owns: which canvases were visited on this device, and the way into each. Free of DOM.

import { isRoomId } from './rooms.js';

const KEPT = 8;

/** [{ id, name, share, isPublic }], the latest first. `share` is the token of the link one came by, or null. */
export function visited(storage) {
  let list;
  try {
    list = JSON.parse(storage.get('recent') ?? '[]');
  } catch {
    return [];
  }
  return Array.isArray(list) ? list.map(entry).filter(Boolean).slice(0, KEPT) : [];
}

function entry(kept) {
  const { id, name, share, isPublic } = typeof kept === 'string' ? { id: kept } : kept ?? {};
  if (typeof id !== 'string' || !isRoomId(id)) return null;
  const text = (value) => (typeof value === 'string' && value !== '' ? value : null);
  return { id, name: text(name) ?? id, share: text(share), isPublic: isPublic !== false };
}

/** One was let in. The link that is known stays, even if one came without it this time. */
export function visit(storage, { id, name, share = null, isPublic = true }) {
  const before = visited(storage);
  const link = share ?? before.find((other) => other.id === id)?.share ?? null;
  keep(storage, [{ id, name, share: link, isPublic }, ...before.filter((other) => other.id !== id)]);
}

export function forget(storage, id) {
  keep(storage, visited(storage).filter((other) => other.id !== id));
}

function keep(storage, list) {
  storage.set('recent', JSON.stringify(list.slice(0, KEPT)));
}
