// Owns: which screen is shown: the start, or a room; and that a token in the address does not stay there.

import { device, tab } from './memory.js';
import { enter } from './room.js';
import { isRoomId } from './rooms.js';
import { showStart } from './start.js';
import { wireTheme } from './theme.js';
import { toast } from './toasts.js';
import { Identity, readToken, tokenIn } from './token.js';

const identity = new Identity(tab);

/** Taken once, and gone from the address and the history at once. */
function takeToken() {
  const { token, rest } = tokenIn(location.hash);
  if (token === null) return;
  history.replaceState(history.state, '', location.pathname + location.search + rest);
  const { token: whole, error } = readToken(token);
  if (error) toast(error, 'bad');
  else identity.signIn(whole);
}

takeToken();
addEventListener('hashchange', takeToken);
const query = new URLSearchParams(location.search);
const room = query.get('room');
wireTheme(device);
if (room === null) showStart(identity, query);
else if (isRoomId(room)) enter(room, query, identity);
else showStart(identity, new URLSearchParams(), 'That is not a canvas name: letters, digits, dashes and underscores, 64 at most.');
