// Owns: a world as an address and as a file.

import type { Knobs, Recipe, Turn, Weather } from './types';

/** Longer addresses are cut by what they are pasted into. */
const LONGEST = 6000;

const NUMBERS = ['people', 'rate', 'images', 'latency', 'jitter', 'storage'] as const;
const WEATHER = ['cut', 'stall', 'crash', 'storageFault', 'jump'] as const;

/** What the query of an address says of a world. What it does not say is as in `defaults`. */
export function read(query: string, defaults: Knobs): Recipe {
  const said = new URLSearchParams(query);
  const whole = said.get('world');
  if (whole !== null) {
    const recipe = fromText(whole, defaults);
    if (recipe) return recipe;
  }
  const number = (name: string, other: number) => {
    const value = Number(said.get(name) ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? Math.floor(value) : other;
  };
  const knobs: Knobs = { ...defaults, weather: { ...defaults.weather } };
  for (const name of NUMBERS) knobs[name] = number(name, defaults[name]);
  for (const name of WEATHER) knobs.weather[name] = number(name, defaults.weather[name]);
  knobs.guided = said.get('guided') === '1';
  knobs.bug = said.get('bug');
  return { seed: number('seed', 7), knobs, turns: [], mute: [] };
}

/** The query that gives this world again; `null` where it would be too long for an address. */
export function write(recipe: Recipe, defaults: Knobs): string | null {
  if (recipe.turns.length > 0 || recipe.mute.length > 0) {
    const text = `world=${toText(recipe)}`;
    return text.length > LONGEST ? null : text;
  }
  const said = new URLSearchParams({ seed: String(recipe.seed) });
  for (const name of NUMBERS) if (recipe.knobs[name] !== defaults[name]) said.set(name, String(recipe.knobs[name]));
  for (const name of WEATHER) {
    if (recipe.knobs.weather[name] !== defaults.weather[name]) said.set(name, String(recipe.knobs.weather[name]));
  }
  if (recipe.knobs.guided) said.set('guided', '1');
  if (recipe.knobs.bug !== null) said.set('bug', recipe.knobs.bug);
  return said.toString();
}

export const toFile = (recipe: Recipe): string => `${JSON.stringify({ kanvas: 'world', version: 1, ...recipe }, null, 1)}\n`;

/** What a file says, or why it is no world. */
export function fromFile(text: string, defaults: Knobs): Recipe | string {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    return 'This file is neither a world nor a recording. Choose one that the lab, kanvas simulate or kanvas record has written.';
  }
  if (!isObject(whole) || whole['kanvas'] !== 'world') return 'This file is no world of the lab.';
  if (whole['version'] !== 1) return 'This world was written by a newer lab.';
  return recipeOf(whole, defaults) ?? 'This world is incomplete.';
}

function toText(recipe: Recipe): string {
  const bytes = new TextEncoder().encode(JSON.stringify(recipe));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromText(text: string, defaults: Knobs): Recipe | null {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    return recipeOf(JSON.parse(new TextDecoder().decode(bytes)), defaults);
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function recipeOf(whole: unknown, defaults: Knobs): Recipe | null {
  if (!isObject(whole) || typeof whole['seed'] !== 'number' || !isObject(whole['knobs'])) return null;
  const { weather, ...knobs } = whole['knobs'] as Partial<Knobs> & { weather?: Partial<Weather> };
  const pairs = (list: unknown): unknown[] => (Array.isArray(list) ? list.filter((pair) => Array.isArray(pair) && pair.length === 2) : []);
  return {
    seed: whole['seed'],
    knobs: { ...defaults, ...knobs, weather: { ...defaults.weather, ...weather } },
    turns: pairs(whole['turns']) as [number, Turn][],
    mute: pairs(whole['mute']) as [number, number][],
  };
}
