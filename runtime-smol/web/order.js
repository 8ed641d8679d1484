// Owns: stacking order. `z` is a fractional index, compared byte by byte, ties by image id.
// Not here: which images exist (replica.js) or how a rank becomes pixels (canvas.js).

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LONGEST = 48;
const FIRST = 'a0';

/** Order by code point, which is the order of the UTF-8 bytes; plain `<` orders UTF-16 units. */
export function compareBytes(a, b) {
  const left = a[Symbol.iterator]();
  const right = b[Symbol.iterator]();
  for (;;) {
    const p = left.next();
    const q = right.next();
    if (p.done || q.done) return Number(q.done ?? false) - Number(p.done ?? false);
    const step = p.value.codePointAt(0) - q.value.codePointAt(0);
    if (step !== 0) return Math.sign(step);
  }
}

/** Bottom first. An image without `z` was added here and not yet acknowledged: the server will put it on top. */
export function compareImages(a, b) {
  if (a.z !== b.z) {
    if (a.z === undefined) return 1;
    if (b.z === undefined) return -1;
    return a.z < b.z ? -1 : 1; // a key is ASCII, so this is the order of its bytes
  }
  return a.z === undefined ? 0 : compareBytes(a.id, b.id);
}

/** A key strictly between two, or null where there is none, as between `a` and `a0`. */
export function keyBetween(low, high) {
  let open = false; // what has been written is already below `high`: nothing bounds the rest
  let key = '';
  for (let i = 0; i < LONGEST; i += 1) {
    const from = i < low.length ? DIGITS.indexOf(low[i]) : -1;
    const to = open ? DIGITS.length : DIGITS.indexOf(high[i] ?? '');
    if (to === -1) return null;
    // A key that ends in 0 would leave no room below it.
    if (to - from > 1 && to > 1) return key + DIGITS[Math.max(1, Math.ceil((from + to) / 2))];
    open ||= from !== to && !(from === -1 && to === 0);
    key += DIGITS[Math.max(0, from)];
  }
  return null;
}

/** A key below `min`, by the same scheme as `keyAbove`; null under the least of all. */
export function keyBelow(min) {
  const before = previousInteger(integerPart(min));
  return before ?? keyBetween('', min);
}

/** A key above `max`. Only a key of 48 times `z` has none above it; then the same key comes back. */
export function keyAbove(max) {
  if (max === undefined || max === null || max === '') return FIRST;
  const next = nextInteger(integerPart(max));
  if (next !== null && compareBytes(next, max) > 0) return next;
  return longerAbove(max);
}

/** The head letter tells the length: `a` one digit … `z` 26; `Z` one … `A` 26, for keys below zero. */
function integerPart(key) {
  const head = key.charCodeAt(0);
  let length = 0;
  if (head >= 97 && head <= 122) length = head - 97 + 2;
  else if (head >= 65 && head <= 90) length = 90 - head + 2;
  return length > 0 && key.length >= length ? key.slice(0, length) : null;
}

function nextInteger(integer) {
  if (integer === null) return null;
  const digits = [...integer.slice(1)];
  for (let i = digits.length - 1; i >= 0; i -= 1) {
    const value = DIGITS.indexOf(digits[i]) + 1;
    if (value < DIGITS.length) {
      digits[i] = DIGITS[value];
      return integer[0] + digits.join('');
    }
    digits[i] = DIGITS[0];
  }
  const head = integer[0];
  if (head === 'Z') return FIRST;
  if (head === 'z') return null;
  const grown = String.fromCharCode(head.charCodeAt(0) + 1);
  if (grown > 'a') digits.push(DIGITS[0]);
  else digits.pop();
  return grown + digits.join('');
}

function previousInteger(integer) {
  if (integer === null) return null;
  const digits = [...integer.slice(1)];
  for (let i = digits.length - 1; i >= 0; i -= 1) {
    const value = DIGITS.indexOf(digits[i]) - 1;
    if (value >= 0) {
      digits[i] = DIGITS[value];
      return integer[0] + digits.join('');
    }
    digits[i] = DIGITS.at(-1);
  }
  const head = integer[0];
  if (head === 'a') return `Z${DIGITS.at(-1)}`;
  if (head === 'A') return null;
  const shrunk = String.fromCharCode(head.charCodeAt(0) - 1);
  if (shrunk < 'a') digits.push(DIGITS.at(-1));
  else digits.pop();
  return shrunk + digits.join('');
}

/** For keys that some other client made by another scheme: still above, still within the bound. */
function longerAbove(key) {
  if (key.length < LONGEST) return `${key}V`;
  for (let i = key.length - 1; i >= 0; i -= 1) {
    const value = DIGITS.indexOf(key[i]) + 1;
    if (value < DIGITS.length) return key.slice(0, i) + DIGITS[value];
  }
  return key;
}
