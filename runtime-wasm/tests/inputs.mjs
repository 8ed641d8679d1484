// Owns: inputs of a room as bytes, as `core/src/codec/input.rs` has them: those that the tests need.

const bytes = (...parts) => Buffer.concat(parts);
const u8 = (...numbers) => Buffer.from(numbers);
const u32 = (number) => { const place = Buffer.alloc(4); place.writeUInt32LE(number); return place; };
const u64 = (number) => { const place = Buffer.alloc(8); place.writeBigUInt64LE(BigInt(number)); return place; };
const blob = (words) => bytes(u32(Buffer.byteLength(words)), Buffer.from(words));
const maybe = (words) => (words === null ? u32(0xffff_ffff) : blob(words));
const input = (now, ...parts) => { const whole = bytes(u64(now), ...parts); return bytes(u32(whole.length), whole); };

const conn = (slot) => bytes(u32(slot), u32(0));

/** A guest connects, with a secret that is theirs alone. */
export const connect = (now, slot, user) =>
  input(now, u8(1), conn(slot), blob(user), u8(0), maybe(null), maybe(null), maybe(null), maybe(null), u8(0), u64(0), u8(0), u64(0), u8(2),
    blob(`key of ${user}`), blob('kanvas.v1'), maybe(null), u8(0), maybe(null), Buffer.alloc(16, slot + 1));
export const message = (now, slot, words) => input(now, u8(3), conn(slot), blob(words));
/** Storage has these: nothing, unless it is said. */
export const loaded = (now, effect, record = null) =>
  input(now, u8(6), u64(effect), u8(0), u64(0), maybe(record), u32(0), u32(0));
export const stored = (now, effect, upto) => input(now, u8(6), u64(effect), u8(1), u64(upto));
export const fenced = (now, effect) => input(now, u8(6), u64(effect), u8(4, 3));
export const drain = (now) => input(now, u8(7, 0), u64(0), blob('restart'));
/** A person whom a token proved makes a public room; `share` is a link of an editor to make with it. */
export const create = (now, user, name, share) =>
  input(now, u8(7, 1), u64(1), blob(user), u8(1), maybe(null), maybe(name), u8(1, 1), Buffer.from(share, 'hex'), blob('editor'), u8(0), u64(0));
/** The operator's back end says this. */
export const act = (now, message) => input(now, u8(7, 3), u64(2), maybe(null), blob(JSON.stringify(message)));

/** The stores that are asked for in what a room said: `[{ effect, upto }]`. */
export function stores(said) {
  const whole = Buffer.from(said);
  const asked = [];
  for (let at = 0; at < whole.length; at += 4 + whole.readUInt32LE(at)) {
    if (whole[at + 4] === 6) asked.push({ effect: whole.readBigUInt64LE(at + 5), upto: whole.readBigUInt64LE(at + 13) });
  }
  return asked;
}
