// Owns: the screen for each way of not being let in, or of being let go: what happened and what one can do. Free of DOM.

const SIGN_IN = 'Sign in';
const AGAIN = 'Try again';

/** `signIn` and `retry` are the words on those buttons; without one there is no such button. */
const SCREENS = new Map([
  [4101, { title: 'Your sign-in has expired', text: 'Paste a fresh session token and you are back where you were.', signIn: 'Sign in again', guest: true }],
  [4102, { title: 'Sign in to open this canvas', text: 'Only people who have signed in may see it.', signIn: SIGN_IN }],
  [4501, { title: 'This canvas is not open to you', text: 'Ask its owner to let you in, or for a link to share.', retry: AGAIN, invite: true }],
  [4502, { title: 'There is no such canvas', text: 'It was deleted, or never made, or its address was mistyped.' }],
  [4503, { title: 'You were removed from this canvas', text: 'Its owner did that, or whoever runs this server. What you have added stays there, and you may come again.', retry: 'Come back' }],
  [4504, { title: 'You are banned from this canvas', text: 'Its owner did that. Only they can let you in again.' }],
  [4505, { title: 'This canvas is full', text: 'Every place is taken. Try again when somebody has left.', retry: AGAIN }],
  [4506, { title: 'This canvas was deleted', text: 'Its owner did that, for good. Everything on it is gone for everybody.' }],
  [4510, { title: 'Your sign-in was not accepted', text: 'The session token is not one for this server, or it was damaged on the way. Paste a new one.', signIn: 'Paste another token', guest: true }],
]);

/**
 * { title, text, reason, retry, signIn, guest }: `reason` is the owner's own words or null. `signedIn`: a token was
 * brought. A connection is never tried again by itself from here.
 */
export function screenFor(code, { message, reason = null, signedIn = false }) {
  const screen = SCREENS.get(code) ?? { title: 'This canvas did not let you in', text: message, retry: AGAIN };
  return {
    title: screen.title,
    text: screen.text,
    reason: code === 4503 || code === 4504 ? reason : null,
    retry: screen.retry ?? null,
    signIn: screen.signIn ?? (screen.invite && !signedIn ? SIGN_IN : null),
    guest: Boolean(screen.guest && signedIn),
  };
}
