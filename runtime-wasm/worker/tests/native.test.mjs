// The native server passes the conformance tests.

import { conformance } from './conformance/index.mjs';
import { native } from './native.mjs';

conformance('the native server', native);
