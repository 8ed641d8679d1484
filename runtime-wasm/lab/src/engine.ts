// The worker: it owns the world, lets it run, and tells the page what there is to see. The page draws and never waits
// for it.

import module from './wasm/kanvas_wasm_bg.wasm?url';
import init, { World, defaults, mistakes } from './wasm/kanvas_wasm.js';
import type { Difference, Failure, FromWorker, Knobs, Line, Moment, Recipe, Shrunk, ToWorker, Turn, View } from './types';

/** A world may take so long of each of its turns, in ms; then the page gets to see how far it has come. */
const SLICE = 12;
const TICK = 16;
/** Steps between two looks at the clock. */
const STEPS = 100;
/** How far the search for the next fault goes, in ms of the world. */
const FAR = 120_000;
/** Lines that the page shows while the world runs, and while it stands still. */
const LINES = { running: 40, still: 300 };

let world: World | null = null;
let knobs: Knobs;
let seed = 0;
let begin = 0;
let playing = false;
let speed = 1;
let lastTick = 0;
let owed = 0;
let goal: number | null = null;
let screens: number[] = [];
let person: number | null = null;
let kinds = '';
let drawn = true;
let changed = false;
let shrinking = false;

const say = (message: FromWorker) => postMessage(message);
/** Nobody reads faster than this: while the world runs, what there is to read is told so many ms apart. */
const READING = 120;
let told = 0;
const lines = (world: World): Line[] | null => {
  if (playing && performance.now() - told < READING) return null;
  told = performance.now();
  return JSON.parse(world.lines(kinds, playing ? LINES.running : LINES.still)) as Line[];
};
const tell = () => {
  changed = true;
  if (!drawn || world === null) return;
  changed = false;
  drawn = false;
  const view = JSON.parse(world.view(new Uint32Array(screens))) as View;
  const reached = JSON.parse(world.reached()) as Moment;
  const failure = JSON.parse(world.failure()) as Failure | null;
  const differences = person === null ? [] : (JSON.parse(world.differences(person)) as Difference[]);
  say({
    type: 'state',
    state: {
      view,
      begin,
      reached: [reached[0], reached[1] - begin],
      faults: (JSON.parse(world.faults()) as Moment[]).map(([step, at]) => [step, at - begin]),
      lines: lines(world),
      failure,
      playing,
      knobs,
      seed,
      differences,
    },
  });
};

function start(recipe: Recipe) {
  world?.free();
  world = new World(JSON.stringify(recipe));
  begin = world.now();
  ({ knobs, seed } = recipe);
  for (const [, turn] of recipe.turns) if (typeof turn === 'object' && 'knobs' in turn) knobs = turn.knobs;
  owed = 0;
  goal = null;
  shrinking = false;
}

/** Lets the world go on until this time, as far as one slice goes; whether it came there. */
function advance(until: number): boolean {
  const end = performance.now() + SLICE;
  do {
    if (world === null || world.run(until, STEPS)) return true;
  } while (performance.now() < end);
  return false;
}

/** Lets the world catch up with what playing owes it, or with where it was told to go. */
function tick() {
  const now = performance.now();
  const passed = Math.min(100, now - lastTick);
  lastTick = now;
  if (world === null) return;
  if (goal !== null) {
    if (advance(goal)) goal = null;
    tell();
  } else if (playing) {
    owed = Math.min(owed + passed * speed, 400 * speed);
    const from = world.now();
    advance(from + owed);
    owed = Math.max(0, owed - (world.now() - from));
    if (world.over()) playing = false;
    tell();
  }
  if (shrinking) shrink();
}

function shrink() {
  if (world === null) return;
  const more = world.shrink();
  shrinking = more;
  say({ type: 'shrinking', shrunk: JSON.parse(world.shrunk()) as Shrunk, done: !more });
}

function pause() {
  playing = false;
  owed = 0;
}

function take(message: ToWorker) {
  if (message.type === 'begin') {
    start(message.recipe);
    return tell();
  }
  if (message.type === 'drawn') {
    drawn = true;
    return changed ? tell() : undefined;
  }
  if (world === null) return undefined;
  switch (message.type) {
    case 'play':
      ({ playing, speed } = message);
      owed = 0;
      break;
    case 'look':
      ({ screens, person } = message);
      kinds = message.kinds.join(',');
      told = 0;
      break;
    case 'turn':
      goal = null;
      if (typeof message.turn === 'object' && 'knobs' in message.turn) knobs = message.turn.knobs;
      world.turn(JSON.stringify(message.turn satisfies Turn));
      // It is done with the next thing that happens.
      if (!playing) world.step();
      break;
    case 'step':
      pause();
      if (message.by > 0) for (let i = 0; i < message.by; i += 1) world.step();
      else world.goToStep(Math.max(0, world.steps() + message.by));
      break;
    case 'goToTime': {
      pause();
      const at = begin + message.at;
      if (at < world.now()) world.goBackTo(at);
      goal = at;
      break;
    }
    case 'goToStep':
      pause();
      world.goToStep(message.step);
      break;
    case 'nextFault':
      pause();
      world.goToFault(FAR);
      break;
    case 'shrink':
      pause();
      world.beginShrinking();
      shrinking = true;
      return undefined;
    case 'stopShrinking':
      shrinking = false;
      return undefined;
    case 'recipe':
      return say({ type: 'recipe', recipe: JSON.parse(world.recipe()) as Recipe });
  }
  tell();
  return undefined;
}

// A trap in the module is the end of it: the page says so, and offers to begin anew.
const guarded = (work: () => void) => {
  try {
    work();
  } catch (error) {
    world = null;
    say({ type: 'broken', why: error instanceof Error ? error.message : String(error) });
  }
};

await init({ module_or_path: module });
onmessage = ({ data }: MessageEvent<ToWorker>) => guarded(() => take(data));
setInterval(() => guarded(tick), TICK);
say({ type: 'ready', mistakes: JSON.parse(mistakes()) as string[], defaults: JSON.parse(defaults()) as Knobs });
