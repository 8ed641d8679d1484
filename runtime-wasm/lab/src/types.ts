// What the page and its worker say to each other, and what there is to see of a world or of a recording. The names are those of
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

/** What worlds and recordings have in common: a moment in a stretch of time. */
interface Stretch {
  begin: number;
  reached: Moment;
  faults: Moment[];
  /** The last of them; `null` where there is nothing to read yet, only something to see. */
  lines: Line[] | null;
  playing: boolean;
}

export interface WorldState extends Stretch {
  of: 'world';
  view: View;
  failure: Failure | null;
  /** What the world is like now. */
  knobs: Knobs;
  seed: number;
  differences: Difference[];
}

export interface ReplayState extends Stretch {
  of: 'recording';
  view: Recorded;
  facts: Facts;
  /** It is played to its end for the first time. */
  checking: boolean;
}

export type State = WorldState | ReplayState;

/** Someone in a recorded room. */
export interface Visitor {
  name: string;
  color: string;
  userId: string;
  role: string;
  state: 'in' | 'offline';
  idle: boolean;
  slow: boolean;
  slot: number | null;
}

/** A recorded room at one moment; its screen is the canvas as the room has it. */
export interface Recorded {
  at: number;
  step: number;
  people: Visitor[];
  room: Server;
  screens: Screen[];
}

/** What a recording says of itself, and what was found of it. Times are ms since the Unix epoch. */
export interface Facts {
  room: string;
  begun: number;
  until: number;
  version: string;
  redacted: boolean;
  /** The input to which the server itself did not say the same again, from 0. */
  departed: number | null;
  ended: 'stopped' | 'time' | 'full' | 'room' | null;
  inputs: number;
  checked: number;
  kinds: Record<string, number>;
  /** Where the room first differs from the recorded one: the input, from 1. */
  differs: { input: number; at: number; silent: boolean } | null;
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
  | { type: 'recipe' }
  | { type: 'open'; bytes: Uint8Array }
  | { type: 'close' }
  | { type: 'drawn' };

export type FromWorker =
  | { type: 'ready'; mistakes: string[]; defaults: Knobs }
  | { type: 'state'; state: State }
  | { type: 'recipe'; recipe: Recipe }
  | { type: 'shrinking'; shrunk: Shrunk; done: boolean }
  | { type: 'refused'; why: string }
  | { type: 'broken'; why: string };
