// The worker on real workerd passes the conformance tests.

import { conformance } from './conformance/index.mjs';
import { Worker } from './worker.mjs';

conformance('the worker', (settings) => Worker.start(settings));
