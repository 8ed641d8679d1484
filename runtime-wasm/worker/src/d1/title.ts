// Owns: what a room is called that the app gave a title. Titles may be longer than names; they are cut as the core cuts
// the names that come with a token, since the room would refuse them.

const GRAPHEMES = 32;
const BYTES = 128;

const encoder = new TextEncoder();
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The title as a name; null if it has none, or one that shows nothing. */
export function fitTitle(title: string | null): string | null {
  const text = (title ?? '').slice(0, 4096).normalize('NFKC').replace(/\s+/g, ' ').replace(/\p{C}/gu, '').trim();
  let [name, count, bytes] = ['', 0, 0];
  for (const { segment } of graphemes.segment(text)) {
    count += 1;
    bytes += encoder.encode(segment).length;
    if (count > GRAPHEMES || bytes > BYTES) break;
    name += segment;
  }
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(name) ? name.trim() : null;
}
