// Owns: which screen is shown: the start, or a room.

import { device } from './memory.js';
import { enter } from './room.js';
import { isRoomId } from './rooms.js';
import { showStart } from './start.js';
import { wireTheme } from './theme.js';

const query = new URLSearchParams(location.search);
const room = query.get('room');
wireTheme(device);
if (room === null) showStart();
else if (isRoomId(room)) enter(room, query);
else showStart('That is not a canvas name: letters, digits, dashes and underscores, 64 at most.');
