// Owns: image files on their way to the server: which are worth sending, what comes back, where several of them lie.
// Free of DOM; the host sends the bytes.

const LARGEST = 10 * 1024 * 1024;
const KINDS = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif']);
const MIB = 1024 * 1024;
export const ACCEPT = [...KINDS].join(',');

/** The sentence that says why this file will not do, or null. */
export function complaintAbout({ name, type, size }) {
  if (!KINDS.has(type)) return `“${short(name)}” is not a PNG, JPEG, WebP, GIF or AVIF image.`;
  if (size === 0) return `“${short(name)}” is empty.`;
  if (size > LARGEST) return `“${short(name)}” is too large: ${Math.ceil((size / MIB) * 10) / 10} MiB, and 10 MiB is the most.`;
  return null;
}

const WHY = new Map([
  [401, 'sign in first'],
  [403, 'you may look at this canvas, not change it'],
  [413, 'it is larger than 10 MiB'],
  [415, 'it is not a PNG, JPEG, WebP, GIF or AVIF image'],
  [507, 'the server has no room left for files'],
]);

/**
 * Sends one file: { src, type, bytes }, or throws an Error with a sentence. `send(file, progress)` resolves to
 * { status, body } and rejects when there was no answer.
 */
export async function upload(file, { send, progress = () => {} }) {
  const complaint = complaintAbout(file);
  if (complaint !== null) throw new Error(complaint);
  let answer;
  try {
    answer = await send(file, progress);
  } catch {
    throw new Error(`“${short(file.name)}” was not sent: the server cannot be reached. Add it again once you are back online.`);
  }
  const told = readAnswer(answer.body);
  if (answer.status === 201 && typeof told.src === 'string') return told;
  throw new Error(`“${short(file.name)}” was not taken: ${WHY.get(answer.status) ?? told.message ?? `the server answered ${answer.status}`}.`);
}

function readAnswer(body) {
  try {
    const told = JSON.parse(body);
    if (typeof told !== 'object' || told === null) return {};
    const { message } = told;
    return { ...told, message: typeof message === 'string' ? message.replace(/\.$/, '') : undefined };
  } catch {
    return {};
  }
}

function short(name) {
  const letters = [...(name || 'The picture')];
  return letters.length <= 32 ? letters.join('') : `${letters.slice(0, 20).join('')}…${letters.slice(-10).join('')}`;
}

/** A name to read out: what the file is called, without its ending. */
export const titleOfFile = (name) => (name.replace(/\.[a-z0-9]{1,5}$/i, '').replace(/[-_]+/g, ' ').trim() || 'Picture').slice(0, 80);

/** A size that fits within `most`, never larger than life. */
export function fitted({ width, height }, most) {
  const scale = Math.min(1, most.width / width, most.height / height);
  return { width: Math.max(1, width * scale), height: Math.max(1, height * scale) };
}

/** Places side by side in rows of one height each, all of them around `middle`. */
export function sideBySide(sizes, gap, middle) {
  const columns = Math.ceil(Math.sqrt(sizes.length * 1.6));
  const rows = [];
  for (let i = 0; i < sizes.length; i += columns) rows.push(sizes.slice(i, i + columns));
  const high = rows.map((row) => Math.max(...row.map(({ height }) => height)));
  let y = middle.y - (high.reduce((sum, height) => sum + height, 0) + gap * (rows.length - 1)) / 2;
  return rows.flatMap((row, i) => {
    let x = middle.x - (row.reduce((sum, { width }) => sum + width, 0) + gap * (row.length - 1)) / 2;
    const places = row.map((size) => {
      const place = { x, y: y + (high[i] - size.height) / 2, ...size };
      x += size.width + gap;
      return place;
    });
    y += high[i] + gap;
    return places;
  });
}
