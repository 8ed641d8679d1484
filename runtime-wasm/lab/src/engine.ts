// The worker: it owns the world, or the recording that is looked at in its place, lets it run, and tells the page what there
// is to see. The page draws and never waits for it.

import module from './wasm/kanvas_wasm_bg.wasm?url';
import init, { Replay, World, defaults, mistakes } from './wasm/kanvas_wasm.js';
import type { Difference, Facts, Failure, FromWorker, Knobs, Line, Moment, Recipe, Recorded, Shrunk, State, ToWorker, Turn, View } from './types';

/** A world may take so long of each of its turns, in ms; then the page gets to see how far it has come. */
const SLICE = 12;
const TICK = 16;
/** Steps between two looks at the clock. */
const STEPS = 100;
/** Inputs of a recording that are checked between two looks at the clock. */
const INPUTS = 200;
/** How far the search for the next fault goes, in ms of the world. */
const FAR = 120_000;
/** Lines that the page shows while the world runs, and while it stands still. */
const LINES = { running: 40, still: 300 };

let world: World | null = null;
/** A recording that is open; the world stands still behind it. */
let replay: Replay | null = null;
let recordedFrom = 0;
let checking = false;
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
const lines = (shown: World | Replay): Line[] | null => {
  if ((playing || checking) && performance.now() - told < READING) return null;
  told = performance.now();
  return JSON.parse(shown.lines(kinds, playing ? LINES.running : LINES.still)) as Line[];
};
const tell = () => {
  changed = true;
  const shown = replay ?? world;
  if (!drawn || shown === null) return;
  changed = false;
  drawn = false;
  const from = origin();
  const reached = JSON.parse(shown.reached()) as Moment;
  const stretch = {
    begin: from,
    reached: [reached[0], reached[1] - from] as Moment,
    faults: (JSON.parse(shown.faults()) as Moment[]).map(([step, at]): Moment => [step, at - from]),
    lines: lines(shown),
    playing,
  };
  say({ type: 'state', state: { ...stretch, ...(replay ? recorded(replay) : lived(world as World)) } as State });
};

function lived(world: World) {
  return {
    of: 'world',
    view: JSON.parse(world.view(new Uint32Array(screens))) as View,
    failure: JSON.parse(world.failure()) as Failure | null,
    knobs,
    seed,
    differences: person === null ? [] : (JSON.parse(world.differences(person)) as Difference[]),
  };
}

const recorded = (replay: Replay) => ({ of: 'recording', view: JSON.parse(replay.view()) as Recorded, facts: JSON.parse(replay.facts()) as Facts, checking });
/** When what is shown began. */
const origin = () => (replay ? recordedFrom : begin);

function start(recipe: Recipe) {
  close();
  world?.free();
  world = new World(JSON.stringify(recipe));
  begin = world.now();
  ({ knobs, seed } = recipe);
  for (const [, turn] of recipe.turns) if (typeof turn === 'object' && 'knobs' in turn) knobs = turn.knobs;
}

/** Looks at a recording instead of the world. What is none is refused, and what was there stays. */
function open(bytes: Uint8Array) {
  let opened: Replay;
  try {
    opened = new Replay(bytes);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    say({ type: 'refused', why: `${why.charAt(0).toUpperCase()}${why.slice(1)}.` });
    return;
  }
  close();
  [replay, recordedFrom, checking] = [opened, opened.now(), true];
}

/** Back to the world, which stands where it stood. */
function close() {
  pause();
  replay?.free();
  [replay, checking, goal, shrinking] = [null, false, null, false];
}

/** Lets something happen again and again, as long as one slice goes; whether there was an end to it. */
function slice(done: () => boolean): boolean {
  const end = performance.now() + SLICE;
  do {
    if (done()) return true;
  } while (performance.now() < end);
  return false;
}

/** Lets time go on until then, as far as one slice goes; whether it came there. */
const advance = (shown: World | Replay, until: number) => slice(() => shown.run(until, STEPS));

/** Plays a recording to its end, to see whether the room says the same; then it stands at its beginning. */
function check(replay: Replay) {
  if (slice(() => !replay.check(INPUTS))) {
    checking = false;
    replay.goToStep(0);
  }
  tell();
}

/** Lets the world catch up with what playing owes it, or with where it was told to go. */
function tick() {
  const now = performance.now();
  const passed = Math.min(100, now - lastTick);
  lastTick = now;
  if (checking && replay) return check(replay);
  const shown = replay ?? world;
  if (shown === null) return;
  if (goal !== null) {
    if (advance(shown, goal)) goal = null;
    tell();
  } else if (playing) {
    owed = Math.min(owed + passed * speed, 400 * speed);
    const from = shown.now();
    advance(shown, from + owed);
    owed = Math.max(0, owed - (shown.now() - from));
    if (shown.over()) playing = false;
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
  if (message.type === 'open') {
    open(message.bytes);
    return undefined;
  }
  const shown = replay ?? world;
  if (world === null || shown === null) return undefined;
  if (message.type === 'close') close();
  if (message.type === 'close' || message.type === 'look') told = 0;
  if (message.type === 'look') {
    ({ screens, person } = message);
    kinds = message.kinds.join(',');
  } else if (!checking) wish(message, world, shown);
  return tell();
}

/** What is asked of what is shown. */
function wish(message: ToWorker, world: World, shown: World | Replay) {
  switch (message.type) {
    case 'play':
      ({ playing, speed } = message);
      owed = 0;
      if (playing && shown === replay && replay.over()) replay.goToStep(0);
      break;
    case 'turn':
      if (shown !== world) break;
      goal = null;
      if (typeof message.turn === 'object' && 'knobs' in message.turn) knobs = message.turn.knobs;
      world.turn(JSON.stringify(message.turn satisfies Turn));
      // It is done with the next thing that happens.
      if (!playing) world.step();
      break;
    case 'step':
      pause();
      if (message.by > 0) for (let i = 0; i < message.by; i += 1) shown.step();
      else shown.goToStep(Math.max(0, shown.steps() + message.by));
      break;
    case 'goToTime': {
      pause();
      const at = origin() + message.at;
      if (at < shown.now()) shown.goBackTo(at);
      goal = at;
      break;
    }
    case 'goToStep':
      pause();
      shown.goToStep(message.step);
      break;
    case 'nextFault':
      pause();
      if (shown === replay) replay.goToFault();
      else world.goToFault(FAR);
      break;
    case 'shrink':
      pause();
      world.beginShrinking();
      shrinking = true;
      break;
    case 'recipe':
      say({ type: 'recipe', recipe: JSON.parse(world.recipe()) as Recipe });
  }
}

// A trap in the module is the end of it: the page says so, and offers to begin anew.
const guarded = (work: () => void) => {
  try {
    work();
  } catch (error) {
    [world, replay] = [null, null];
    say({ type: 'broken', why: error instanceof Error ? error.message : String(error) });
  }
};

await init({ module_or_path: module });
onmessage = ({ data }: MessageEvent<ToWorker>) => guarded(() => take(data));
setInterval(() => guarded(tick), TICK);
say({ type: 'ready', mistakes: JSON.parse(mistakes()) as string[], defaults: JSON.parse(defaults()) as Knobs });
