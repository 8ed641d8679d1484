// Owns: room names: their rule, friendly suggestions, links. Free of DOM.

const RULE = /^[A-Za-z0-9_-]{1,64}$/;
const MOODS = ['quiet', 'sunny', 'velvet', 'paper', 'amber', 'misty', 'copper', 'lucky', 'bright', 'mellow', 'coral', 'silver', 'wild', 'golden', 'mossy', 'salty'];
const PLACES = ['harbor', 'meadow', 'attic', 'garden', 'studio', 'island', 'orchard', 'lantern', 'canyon', 'river', 'balcony', 'lagoon', 'forest', 'terrace', 'summit', 'pier'];
const ANIMALS = ['Otter', 'Heron', 'Lynx', 'Finch', 'Badger', 'Gecko', 'Marten', 'Puffin', 'Hare', 'Wren', 'Newt', 'Ibex', 'Swift', 'Crane'];

export const isRoomId = (text) => RULE.test(text);

/** Where a room is; `share` is the token of a link that lets its holder in. */
export function addressOf(room, share = null) {
  const query = new URLSearchParams({ room });
  if (share !== null) query.set('share', share);
  return `/?${query}`;
}

/** Where a link that someone was given leads on this server, with what lets its holder in; null when it is no such link. */
export function addressIn(text) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    return null;
  }
  const room = url.searchParams.get('room') ?? '';
  if (!isRoomId(room)) return null;
  const kept = new URLSearchParams({ room });
  for (const key of ['share', 'view']) if (url.searchParams.has(key)) kept.set(key, url.searchParams.get(key));
  return `/?${kept}`;
}

/** What a person typed, as near to a room id as the rule allows; empty when nothing of it is left. */
export function tidy(text) {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '');
  return plain.trim().replace(/[\s.,/]+/g, '-').replace(/[^A-Za-z0-9_-]/g, '').replace(/-{2,}/g, '-').replace(/^-|-$/g, '').slice(0, 64);
}

const pick = (list, random) => list[Math.floor(random() * list.length)];

/** A name for a canvas; what it becomes as an id is `tidy`'s. */
export function suggestRoom(random = Math.random) {
  const mood = pick(MOODS, random);
  return `${mood[0].toUpperCase()}${mood.slice(1)} ${pick(PLACES, random)}`;
}

export function suggestName(random = Math.random) {
  const mood = pick(MOODS, random);
  return `${mood[0].toUpperCase()}${mood.slice(1)} ${pick(ANIMALS, random)}`;
}
