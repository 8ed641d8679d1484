// The page of the lab: it tells the worker what is wished, and draws what the worker shows it, a world or a recording.

import './style.css';
import { fromFile, read, toFile, write as toAddress } from './address';
import { byId, element, write } from './dom';
import { Panel } from './knobs';
import { Events, PersonPanel, RoomPanel, seconds } from './panels';
import { isRecording, LARGEST, RecordingPanel, Used, verdictOf } from './recording';
import { Screens } from './screens';
import { Timeline } from './timeline';
import type { Failure, FromWorker, Knobs, Recipe, ReplayState, Shrunk, State, ToWorker, Turn, WorldState } from './types';

const worker = new Worker(new URL('./engine.ts', import.meta.url), { type: 'module' });
const send = (message: ToWorker) => worker.postMessage(message);

let state: State | null = null;
let defaults: Knobs;
let panel: Panel;
let picked: number | null = null;
let wanted = 0;
let told: Failure | null = null;
let whatToDo: (recipe: Recipe) => void = () => {};

const screens = new Screens({
  pick,
  turn: (turn) => send({ type: 'turn', turn }),
  cut: (no) => send({ type: 'turn', turn: { cut: no } }),
  stall: (no) => send({ type: 'turn', turn: { stall: no } }),
});
const room = new RoomPanel(byId('room'));
const person = new PersonPanel(byId('person'), () => {
  picked = null;
  look();
});
const recording = new RecordingPanel(byId('recording'), { open: choose, close: () => send({ type: 'close' }) });
const used = new Used();
const events = new Events(look, (step) => send({ type: 'goToStep', step }));
const timeline = new Timeline((at) => send({ type: 'goToTime', at }));

function pick(no: number) {
  picked = picked === no ? null : no;
  look();
}

function look() {
  wanted = state?.of === 'recording' ? 1 : screens.count(state?.view.people.length ?? 1);
  send({ type: 'look', screens: [...Array(wanted).keys()], person: picked, kinds: events.kinds });
}

function begin(recipe: Recipe) {
  told = null;
  send({ type: 'begin', recipe });
  panel.show(recipe.knobs);
  address(recipe);
  play(true);
}

const address = (recipe: Recipe) => {
  const query = toAddress(recipe, defaults);
  if (query !== null) history.replaceState(null, '', `?${query}`);
};

const speed = () => Number(byId<HTMLSelectElement>('speed').value);
const play = (playing: boolean) => send({ type: 'play', playing, speed: speed() });
const withRecipe = (act: (recipe: Recipe) => void) => {
  whatToDo = act;
  send({ type: 'recipe' });
};

// ---- what the worker says -------------------------------------------------------------------------------------------

worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
  switch (data.type) {
    case 'ready':
      defaults = data.defaults;
      panel = new Panel(byId('knobs'), defaults, data.mistakes, wishes);
      look();
      return begin(read(location.search, defaults));
    case 'state':
      if (isAnother(state, data.state)) turnTo(data.state);
      state = data.state;
      return requestAnimationFrame(frame) as unknown as void;
    case 'recipe':
      return whatToDo(data.recipe);
    case 'shrinking':
      return shrinking(data.shrunk, data.done);
    case 'refused':
      return toast(data.why);
    case 'broken':
      return toast(`The world has broken: ${data.why} Begin it anew, or another one.`);
  }
};
worker.onerror = (event) => toast(`The lab cannot run here: ${event.message || 'its module did not load'}. It needs WebAssembly and module workers.`);

// ---- drawing ----------------------------------------------------------------------------------------------------------

/** What the last frames of this page took, in ms: script, style and layout. Paint and raster are the browser's. */
const spent: number[] = [];

function frame() {
  const from = performance.now();
  if (state) draw(state);
  // The page is laid out here, where it is counted, and not once more behind this.
  void document.documentElement.offsetHeight;
  spent.push(performance.now() - from);
  if (spent.length > 600) spent.shift();
  send({ type: 'drawn' });
}

/** Whether something else is shown than before: a recording in the place of the world, another one, the world again. */
function isAnother(before: State | null, now: State): boolean {
  if (before?.of !== 'recording' || now.of !== 'recording') return before?.of !== now.of;
  const [was, is] = [before.facts, now.facts];
  return was.room !== is.room || was.begun !== is.begun || was.inputs !== is.inputs;
}

function turnTo({ of }: State) {
  document.body.dataset['of'] = of;
  byId('knobs').hidden = of === 'recording';
  if (of === 'world') recording.show(null);
  picked = null;
  used.clear();
  events.clear();
}

function draw(now: State) {
  const { view, begin: birth } = now;
  write(byId('clock'), `${seconds(view.at - birth)} s`);
  byId('play-shape').setAttribute('d', now.playing ? 'M8 6v12M16 6v12' : 'M8 5.5v13l11-6.5z');
  byId('play').setAttribute('aria-label', now.playing ? 'Pause' : 'Play');
  if (now.of === 'world') drawWorld(now);
  else drawRecording(now);
  untold.shift()?.();
}

function drawWorld(now: WorldState) {
  const { view, begin: birth, failure } = now;
  if (screens.count(view.people.length) !== wanted) look();
  screens.draw(view.screens, !now.playing);
  timeline.show(view.at - birth, now.reached[1], now.faults);
  write(byId('phase'), `step ${view.step.toLocaleString('en')}`);
  if (document.activeElement !== byId('seed')) byId<HTMLInputElement>('seed').value = String(now.seed);
  if (now.lines) tell(now);
  if (failure && failure.why !== told?.why) fail(failure);
  if (!failure) told = null;
}

function drawRecording(now: ReplayState) {
  const { view, facts, begin: birth } = now;
  screens.draw(view.screens, true, used.with(view));
  timeline.show(view.at - birth, now.reached[1], now.faults, Math.max(1, facts.until - birth));
  write(byId('phase'), `input ${view.step.toLocaleString('en')} of ${facts.inputs.toLocaleString('en')}`);
  if (now.lines) tellRecording(now);
}

/** What is still to be told of a moment: a part of it at each frame, so that no frame takes long. */
let untold: (() => void)[] = [];

/** What one reads need not change more often than one reads. */
function tell(now: WorldState) {
  const { view, lines } = now;
  untold = [
    () => screens.tell(view.people, view.screens, picked, now.knobs.guided),
    () => {
      room.show(view.room, view.counts);
      person.show(picked === null ? undefined : view.people[picked], view.room.durable, now.differences);
      verdict(now);
    },
    () => lines && events.show(lines, now.begin, (who) => view.people[who]?.name ?? ''),
  ];
  if (!now.playing) untold.splice(0).forEach((part) => part());
}

function tellRecording(now: ReplayState) {
  const { view, facts, lines } = now;
  const names = new Map(view.people.map(({ slot, name }) => [slot, name]));
  untold = [
    () => {
      screens.tellVisitors(view.people);
      room.show(view.room, {});
    },
    () => {
      recording.show(facts);
      judge(verdictOf(now));
    },
    () => lines && events.show(lines, now.begin, (slot) => names.get(slot) ?? `#${slot}`),
  ];
  if (!now.playing) untold.splice(0).forEach((part) => part());
}

function judge([kind, text]: [string, string]) {
  byId('verdict').dataset['kind'] = kind;
  write(byId('verdict'), text);
}

function verdict({ view, failure }: WorldState) {
  const behind = view.people.filter((one) => one.behind > 0 || one.differs > 0 || one.state !== 'in').length;
  judge(failure
    ? ['bad', `${failure.rule} does not hold`]
    : view.phase === 'done'
      ? ['good', 'Everyone sees the same; nothing was lost']
      : view.phase !== 'working'
        ? ['busy', 'The faults have stopped: everyone comes back…']
        : behind === 0
          ? ['good', 'Every rule holds; all see the same']
          : ['busy', `Every rule holds; ${behind} of ${view.people.length} ${behind === 1 ? 'is' : 'are'} on the way`]);
}

function fail(failure: Failure) {
  told = failure;
  byId<HTMLButtonElement>('shrink').disabled = false;
  write(byId('failure-title'), `${failure.rule} does not hold`);
  write(byId('failure-why'), failure.why.length > 400 ? `${failure.why.slice(0, 400)}…` : failure.why);
  write(byId('failure-small'), 'The world stands still at the moment it was found. A smaller world that fails in the same way is easier to read.');
  byId<HTMLDialogElement>('failure').showModal();
}

function shrinking(shrunk: Shrunk, done: boolean) {
  const { recipe, lasts, tried } = shrunk;
  const size = `${recipe.knobs.people} ${recipe.knobs.people === 1 ? 'person' : 'people'}, ${seconds(lasts)} s, ${recipe.turns.length} turns, ${recipe.mute.length} seconds of somebody left out`;
  toast(`${done ? 'As small as it gets' : 'Making it small'}: ${size}; ${tried} worlds tried.`, !done);
  if (!done) return;
  begin(recipe);
}

let toastTimer = 0;
function toast(text: string, stays = false) {
  clearTimeout(toastTimer);
  write(byId('toast'), text);
  byId('toast').classList.add('shown');
  if (!stays) toastTimer = window.setTimeout(() => byId('toast').classList.remove('shown'), 6000);
}

setInterval(() => {
  const sorted = spent.toSorted((a, b) => a - b);
  const p95 = sorted[Math.floor(sorted.length * 0.95)];
  if (p95 !== undefined) write(byId('work'), `frame ${p95.toFixed(1)} ms`);
}, 1000);
// For the console, and for those who test the page.
Object.assign(window, { lab: { frames: spent, state: () => state, goToStep: (step: number) => send({ type: 'goToStep', step }) } });

// ---- wishes -----------------------------------------------------------------------------------------------------------

const wishes = {
  change(knobs: Knobs) {
    // A world that has hardly begun begins anew, so that the address alone tells it.
    const now = world();
    if (now?.view.step === 0) return begin({ seed: now.seed, knobs, turns: [], mute: [] });
    send({ type: 'turn', turn: { knobs } });
  },
  begin(knobs: Knobs) {
    begin({ seed: world()?.seed ?? 7, knobs, turns: [], mute: [] });
  },
  turn: (turn: Turn) => send({ type: 'turn', turn }),
  open: choose,
};

/** Lets one choose a file. */
function choose() {
  const input = element('input', { type: 'file', accept: '.json,.kanvas' });
  input.addEventListener('change', () => take(input.files?.[0]));
  input.click();
}

/** A world or a recording, from a file. */
async function take(file: File | undefined) {
  if (file === undefined) return;
  if (file.size > LARGEST) return toast('This file is larger than any world or recording.');
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isRecording(bytes)) return send({ type: 'open', bytes });
  const recipe = fromFile(new TextDecoder().decode(bytes), defaults);
  if (typeof recipe === 'string') toast(recipe);
  else begin(recipe);
}

const world = () => (state?.of === 'world' ? state : null);
const again = () => (state?.of === 'recording' ? send({ type: 'goToStep', step: 0 }) : withRecipe((recipe) => begin(recipe)));
const anew = (seed: number) => {
  const knobs = world()?.knobs;
  if (knobs) begin({ seed, knobs, turns: [], mute: [] });
};
const another = () => anew(Math.floor(Math.random() * 1e9));
const turn = (turn: Turn) => world() && send({ type: 'turn', turn });
const toggle = () => play(!state?.playing);

byId('play').addEventListener('click', toggle);
byId('back').addEventListener('click', () => send({ type: 'step', by: -1 }));
byId('ahead').addEventListener('click', () => send({ type: 'step', by: 1 }));
byId('fault').addEventListener('click', () => send({ type: 'nextFault' }));
byId('speed').addEventListener('change', () => state?.playing && play(true));
byId('dice').addEventListener('click', another);
byId('restart').addEventListener('click', again);
byId('seed').addEventListener('change', () => {
  const seed = Number(byId<HTMLInputElement>('seed').value);
  if (!Number.isSafeInteger(seed) || seed < 0) return toast('A seed is a whole number from 0 on.');
  return anew(seed);
});
byId('share').addEventListener('click', () => withRecipe(async (recipe) => {
  const query = toAddress(recipe, defaults);
  if (query === null) return toast('Too much was done in this world for a link: save it as a file.');
  history.replaceState(null, '', `?${query}`);
  await navigator.clipboard?.writeText(location.href).then(() => toast('The link is copied.'), () => toast('The link is in the address bar.'));
  return undefined;
}));
byId('save').addEventListener('click', () => withRecipe((recipe) => {
  const link = element('a', { download: `kanvas-world-${recipe.seed}.json`, href: URL.createObjectURL(new Blob([toFile(recipe)], { type: 'application/json' })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}));
byId('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const dark = root.dataset['theme'] ? root.dataset['theme'] === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset['theme'] = dark ? 'light' : 'dark';
  localStorage.setItem('lab-theme', root.dataset['theme']);
  screens.recolor();
});
byId<HTMLDialogElement>('failure').addEventListener('close', () => {
  if (byId<HTMLDialogElement>('failure').returnValue === 'shrink') send({ type: 'shrink' });
});
window.addEventListener('resize', look);
window.addEventListener('dragover', (event) => event.preventDefault());
window.addEventListener('drop', (event) => {
  event.preventDefault();
  void take(event.dataTransfer?.files[0]);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => screens.recolor());

const KEYS: Record<string, () => unknown> = {
  ' ': toggle, ',': () => send({ type: 'step', by: -1 }), '.': () => send({ type: 'step', by: 1 }), f: () => send({ type: 'nextFault' }),
  r: again, x: () => turn('crash'), s: () => turn('calm'), n: another,
};
window.addEventListener('keydown', (event) => {
  const target = event.target as Element;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches('input:not([type=range]):not([type=checkbox]), select, textarea')) return;
  if (event.key === ' ' && target.matches('button, summary, [type=checkbox]')) return;
  const screen = Number.parseInt(event.key, 10) - 1;
  const act = world() && screen >= 0 && screen < wanted ? () => pick(screen) : KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

const theme = localStorage.getItem('lab-theme');
if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
screens.recolor();
