// What the page and its worker say to each other, and what there is to see of a world. The names are those of
// `core/src/sim`.

export interface Weather {
  /** Of 1,000 connections so many break off in a second. */
  cut: number;
  /** Of 1,000 readers so many begin to stall in a second. */
  stall: number;
  /** Crashes of the server an hour. */
  crash: number;
  /** Stores and loads that fail, of 1,000. */
  storageFault: number;
  /** Jumps of the clock an hour. */
  jump: number;
}

export interface Knobs {
  people: number;
  rate: number;
  images: number;
  latency: number;
  jitter: number;
  storage: number;
  weather: Weather;
  guided: boolean;
  bug: string | null;
}

export type Turn =
  | { knobs: Knobs }
  | 'crash'
  | { cut: number }
  | { stall: number }
  | { jump: number }
  | 'calm'
  | { point: [number, number] }
  | { carry: { image: string; x: number; y: number; drop: boolean } }
  | { put: [number, number] }
  | { remove: string }
  | 'say';

/** The same recipe gives the same world. */
export interface Recipe {
  seed: number;
  knobs: Knobs;
  turns: [number, Turn][];
  /** Who does nothing in which second. */
  mute: [number, number][];
}

export type PersonState = 'in' | 'joining' | 'out' | 'offline';

export interface Person {
  name: string;
  color: string;
  state: PersonState;
  clientId: string;
  seq: number;
  behind: number;
  differs: number;
  pending: number;
  up: number;
  down: number;
  backlog: number;
  slow: boolean;
}

export interface Server {
  state: 'down' | 'loading' | 'live' | 'draining';
  durable: number;
  sent: number;
  head: number;
  images: number;
  sockets: number;
  deadline: number | null;
  asked: number;
}

/** id, x, y, width, height, rotation, file, whether it is shown otherwise than it is stored */
export type Shown = [string, number, number, number, number, number, string, boolean];
/** client id, name, colour, x, y */
export type Pointer = [string, string, string, number, number];

export interface Screen {
  no: number;
  images: Shown[];
  cursors: Pointer[];
  chat: [string, string][];
}

export interface View {
  at: number;
  step: number;
  phase: 'working' | 'settling' | 'resting' | 'comparing' | 'done';
  people: Person[];
  room: Server;
  screens: Screen[];
  counts: Record<string, number>;
}

export interface Line {
  step: number;
  at: number;
  kind: 'input' | 'op' | 'frame' | 'link' | 'fault' | 'host';
  who: number | null;
  text: string;
}

export interface Failure {
  rule: string;
  why: string;
}

export interface Shrunk {
  recipe: Recipe;
  rule: string;
  why: string;
  /** ms that it takes to fail */
  lasts: number;
  tried: number;
}

/** An image that someone sees otherwise than storage has it: its id, what they see, what is stored. */
export type Difference = [string, Record<string, unknown> | null, Record<string, unknown> | null];

/** A moment: steps, and ms since the world began. */
export type Moment = [number, number];

export interface State {
  view: View;
  begin: number;
  reached: Moment;
  faults: Moment[];
  /** The last of them; `null` where there is nothing to read yet, only something to see. */
  lines: Line[] | null;
  failure: Failure | null;
  playing: boolean;
  /** What the world is like now. */
  knobs: Knobs;
  seed: number;
  differences: Difference[];
}

export type ToWorker =
  | { type: 'begin'; recipe: Recipe }
  | { type: 'play'; playing: boolean; speed: number }
  | { type: 'look'; screens: number[]; person: number | null; kinds: Line['kind'][] }
  | { type: 'turn'; turn: Turn }
  | { type: 'step'; by: number }
  | { type: 'goToTime'; at: number }
  | { type: 'goToStep'; step: number }
  | { type: 'nextFault' }
  | { type: 'shrink' }
  | { type: 'stopShrinking' }
  | { type: 'recipe' }
  | { type: 'drawn' };

export type FromWorker =
  | { type: 'ready'; mistakes: string[]; defaults: Knobs }
  | { type: 'state'; state: State }
  | { type: 'recipe'; recipe: Recipe }
  | { type: 'shrinking'; shrunk: Shrunk; done: boolean }
  | { type: 'broken'; why: string };
