// Owns: what the machine counts, as OpenMetrics text: names, units and words. No room and nobody in one is a label: there
// are too many of them, and whoever keeps the numbers need not know them. It is written here because the libraries that
// write the format keep the counts themselves, in a process; these come from the registry.

import { admit } from './admin';
import { json, problem } from './http';
import type { Asked, Seen } from './loads';
import { registryOf, type Visit } from './visit';
import { vocabulary } from './wasm';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** What rooms note of the app's tables and cache; orders that a room refused have names of their own. */
const EVENTS = ['written', 'overtaken', 'failed', 'left_out', 'mended', 'too_large', 'unreadable', 'cache_written', 'cache_dropped', 'cache_failed'];

/** Values of one name. A counter's samples are its name with `_total`. */
export interface Family {
  name: string;
  type: 'gauge' | 'counter';
  /** The last word of the name. */
  unit?: 'bytes';
  help: string;
  samples: Sample[];
}

export interface Sample {
  labels?: Record<string, string>;
  value: number;
}

export async function metrics(visit: Visit): Promise<Response> {
  const admission = await admit(visit);
  if (admission instanceof Response) return admission;
  const seen = await look(visit, {});
  return seen instanceof Response ? seen : json(200, openMetrics(families(seen)), { 'content-type': OPEN_METRICS });
}

/** What rooms have reported, or the answer when nobody can say. */
export async function look({ env }: Visit, asked: Asked): Promise<Seen | Response> {
  try {
    return await registryOf(env).seen(asked);
  } catch (error) {
    console.warn(`The counts cannot be had: ${error instanceof Error ? error.message : error}`);
    return problem(503, 'unavailable', 'The counts cannot be had at the moment.');
  }
}

function families(seen: Seen): Family[] {
  const { counts } = seen;
  const one = (value: number | undefined): Sample[] => [{ value: value ?? 0 }];
  return [
    { name: 'kanvas_connections', type: 'gauge', help: 'Open sockets in all rooms.', samples: one(seen.sockets) },
    { name: 'kanvas_people', type: 'gauge', help: 'People in all rooms; one in two rooms counts twice.', samples: one(seen.people) },
    { name: 'kanvas_rooms', type: 'gauge', help: 'Rooms with an open socket.', samples: one(seen.rooms) },
    { name: 'kanvas_messages_received', type: 'counter', help: 'Messages that rooms were sent.', samples: one(counts.heard) },
    { name: 'kanvas_frames_sent', type: 'counter', help: 'Frames that rooms sent; one to ten sockets is ten.', samples: one(counts.said) },
    { name: 'kanvas_received_bytes', type: 'counter', unit: 'bytes', help: 'Bytes of the messages that rooms were sent.', samples: one(counts.heardBytes) },
    { name: 'kanvas_sent_bytes', type: 'counter', unit: 'bytes', help: 'Bytes of the frames that rooms sent.', samples: one(counts.saidBytes) },
    { name: 'kanvas_errors', type: 'counter', help: 'Refusals that left a socket open, by their code.', samples: by('code', seen.refused, Object.keys(vocabulary.codes)) },
    { name: 'kanvas_closes', type: 'counter', help: 'Sockets that rooms closed, by the reason.', samples: by('reason', seen.closed, Object.keys(vocabulary.closes)) },
    { name: 'kanvas_stores', type: 'counter', help: 'Writes of changes to storage.', samples: one(counts.stores) },
    { name: 'kanvas_failed_stores', type: 'counter', help: 'Writes of changes that failed; also among kanvas_stores.', samples: one(counts.failedStores) },
    { name: 'kanvas_room_wakes', type: 'counter', help: 'Times that a room was loaded into memory.', samples: one(counts.wakes) },
    { name: 'kanvas_app_data_events', type: 'counter', help: "What came about with the app's own tables and cache.", samples: by('event', seen.noted, EVENTS) },
    {
      name: 'kanvas_wasm_memory_bytes', type: 'gauge', unit: 'bytes', help: 'Linear memory of the isolates that reported in the last ten minutes.',
      samples: seen.isolates.map(({ isolate, memory }) => ({ labels: { isolate }, value: memory })),
    },
  ];
}

/** Counts by one label. What is known to come is there from the start, at nothing: its first time is then seen as a rise. */
function by(label: string, counts: Record<string, number>, known: string[]): Sample[] {
  const values = [...new Set([...known, ...Object.keys(counts)])].toSorted();
  return values.map((value) => ({ labels: { [label]: value }, value: counts[value] ?? 0 }));
}

export function openMetrics(families: Family[]): string {
  const lines = families.flatMap(({ name, type, unit, help, samples }) => [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
    ...samples.map(({ labels, value }) => `${name}${type === 'counter' ? '_total' : ''}${labelled(labels)} ${value}`),
  ]);
  return `${lines.join('\n')}\n# EOF\n`;
}

function labelled(labels: Record<string, string> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
