// Owns: what a role may do here, in words: badges, why one cannot edit, what an owner may do to whom. Free of DOM.
// The server decides; this only keeps what it would refuse off the screen.

const GUEST = 'guest:';

export const ROLES = new Map([['owner', 'Owner'], ['editor', 'Editor'], ['viewer', 'Viewer']]);

export const isGuest = (userId) => (userId ?? '').startsWith(GUEST);

/** Why one cannot change the canvas: { icon, title, text }, or null when one can. `ended`: of a sign-in that ran out. */
export function whyNot({ role, locked = false, readonly = false, ended = false }) {
  if (role === null) return { icon: 'cloud', title: 'Not connected yet', text: 'Wait until this canvas is connected.' };
  if (role === 'owner' || (role === 'editor' && !locked)) return null;
  if (role === 'editor') return { icon: 'lock', title: 'The owner has locked this room', text: 'You can edit again once it is unlocked.' };
  const title = 'You are looking only';
  if (ended) return { icon: 'eye', title, text: 'Your sign-in has ended. Sign in again to go on.' };
  if (readonly) return { icon: 'eye', title, text: 'This address is for looking.' };
  return { icon: 'eye', title, text: locked ? 'The owner has locked this room.' : 'An owner can let you edit.' };
}

/** What one is told when one's right changed: `before` and `now` as for `whyNot`; null for what the words in place of the tools say. */
export function news(before, now) {
  if (before.role === null || now.role === null) return null;
  const [could, can] = [whyNot(before) === null, whyNot(now) === null];
  if (can && now.role === 'owner' && before.role !== 'owner') return 'You own this room now.';
  if (can && !could) return 'You can edit now.';
  if (before.role === 'owner' && now.role !== 'owner') return 'You no longer own this room.';
  return null;
}

/** What an owner may do to a person: the roles to choose from, and whether to throw them out. */
export function powersOver({ me, person }) {
  const none = { roles: [], out: false };
  if (me?.role !== 'owner' || !person || person.userId === me.userId) return none;
  const roles = [...ROLES.keys()].filter((role) => role !== 'owner' || !isGuest(person.userId));
  return { roles, out: person.role !== 'owner' };
}

const SENTENCES = new Map([
  ['forbidden', 'You may not do that here, so nothing was changed.'],
  ['locked', 'The owner has locked this room, so nothing was changed.'],
]);
const ABOUT_PEOPLE = new Map([
  ['conflict', 'That cannot be: a guest owns no room, an owner is not thrown out, and one owner has to stay.'],
  ['not_found', 'They are not here any more.'],
  ['too_many', 'No more people can have a place of their own in this room.'],
  ['too_long', 'The reason is too long: 200 characters at most.'],
  ['busy', 'The room could not store that just now. Try again shortly.'],
]);

/** The sentence for a refusal: { text, calm }. Calm is what a right that has just changed brings about. */
export function sentenceFor({ code, message, entry }) {
  if (SENTENCES.has(code)) return { text: SENTENCES.get(code), calm: true };
  const governs = entry?.type.startsWith('member:');
  return { text: (governs && ABOUT_PEOPLE.get(code)) || message, calm: false };
}
