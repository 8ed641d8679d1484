// Owns: the forms in which the app's tables may hold a time: numbers of several units and texts. It reads all of them and
// writes each in its own form. It does not own what a time is for.

/** A time as it stands in a table: SQLite's name for its type, and its value as text. */
export interface Stamp {
  kind: string;
  text: string | null;
}

/** How a time is written. */
type Form =
  /** A number of units of so many ms, with digits behind the point. */
  | { as: 'number'; unit: number; digits: number }
  /** A date and a time of day, with what stands between them and behind them. */
  | { as: 'date'; between: string; digits: number; zone: string };

const DAY_MS = 24 * 3600 * 1000;
const NUMBER = /^-?\d+(?:\.(\d+))?$/;
const DATE = /^(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/;
const ISO: Form = { as: 'date', between: 'T', digits: 3, zone: 'Z' };

/** The ms of a unit, which the size of a number of this age tells: s, ms, µs or ns. */
function unitOf(number: number): number {
  const size = Math.abs(number);
  if (size < 1e11) return 1000;
  if (size < 1e14) return 1;
  return size < 1e17 ? 1e-3 : 1e-6;
}

function formOf({ text }: Stamp): Form | null {
  const number = text?.match(NUMBER);
  if (number) return { as: 'number', unit: unitOf(Number(text)), digits: number[1]?.length ?? 0 };
  const date = text?.match(DATE);
  if (!date) return null;
  return { as: 'date', between: date[2] ?? 'T', digits: date[4]?.length ?? 0, zone: date[5] ?? '' };
}

/** The time in ms; null where nothing can be made of it. */
export function timeOf({ text }: Stamp): number | null {
  if (text === null) return null;
  if (NUMBER.test(text)) return Number(text) * unitOf(Number(text));
  // A text without a zone is in UTC, as SQLite's own functions write it.
  const [, day, , time, fraction = '0', zone = 'Z'] = text.match(DATE) ?? [];
  const iso = day === undefined ? text : `${day}T${time}.${fraction.slice(0, 3)}${zone.replace(/(\d\d):?(\d\d)$/, '$1:$2')}`;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : at;
}

/** What is written over `was` at this time: in the same form, and never the same. `created` says the form where `was` has none. */
export function next(now: number, was: Stamp, created: Stamp): Stamp {
  const [own, other] = [formOf(was), formOf(created)];
  const form = own ?? other ?? ISO;
  const kind = own ? was.kind : other ? created.kind : 'text';
  const before = timeOf(was);
  // A clock that is a little ahead of ours stays ahead; one that is out of its mind does not.
  const at = before !== null && before < now + DAY_MS ? Math.max(now, Math.floor(before) + stepOf(form)) : now;
  return { kind, text: write(form, at) };
}

/** The shortest time, in ms, that two stamps of this form tell apart. */
function stepOf(form: Form): number {
  const unit = form.as === 'number' ? form.unit : 1000;
  return Math.max(1, Math.ceil(unit / 10 ** form.digits));
}

function write(form: Form, at: number): string {
  if (form.as === 'number') {
    if (form.unit < 1) return String(BigInt(Math.floor(at)) * BigInt(Math.round(1 / form.unit)));
    const whole = Math.floor(at / stepOf(form)) * stepOf(form);
    return (whole / form.unit).toFixed(form.digits);
  }
  const iso = new Date(at).toISOString();
  const fraction = form.digits === 0 ? '' : `.${iso.slice(20, 23).padEnd(form.digits, '0').slice(0, form.digits)}`;
  const zone = form.zone.length > 1 ? (form.zone.includes(':') ? '+00:00' : '+0000') : form.zone;
  return `${iso.slice(0, 10)}${form.between}${iso.slice(11, 19)}${fraction}${zone}`;
}
