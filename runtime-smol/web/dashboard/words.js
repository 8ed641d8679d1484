// Owns: how numbers, sizes and times are written.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat('en', { notation: 'compact', minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const count = (number) => (number < 1_000_000 ? whole : short).format(number);

/** Small ones with a tenth; what is more than nothing is never written as nothing. */
export function rate(number) {
  if (number > 0 && number < 0.05) return '<0.1';
  return number < 99.95 ? tenths.format(number) : count(number);
}

export function percent(share) {
  if (share > 0 && share < 0.0005) return '<0.1';
  return tenths.format(share * 100);
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** A size, as its number and its unit. */
export function size(bytes) {
  let [number, unit] = [bytes, 0];
  while (number >= 1024 && unit < UNITS.length - 1) [number, unit] = [number / 1024, unit + 1];
  return [number < 99.95 && unit > 0 ? tenths.format(number) : whole.format(number), UNITS[unit]];
}

export const bytes = (number) => size(number).join(' ');

/** A time that something took, as its number and its unit. */
export function ms(number) {
  if (number > 0 && number < 0.1) return ['<0.1', 'ms'];
  if (number < 999.5) return [number < 99.95 ? tenths.format(number) : whole.format(number), 'ms'];
  return [tenths.format(number / 1000), 's'];
}

/** How long something has gone on. */
export function span(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;
export const minute = (at) => clock.format(at);
export const moment = (at) => clockSeconds.format(at);
