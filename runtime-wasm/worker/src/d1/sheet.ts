// Owns: `state_json`, a canvas as the app has it: what of it is the room's, what is not and stays as it is, and which of
// its images the room can take in. It does not own the row that it stands in, nor what was removed in the room.

/** An image, or what stands where one should. */
export type Image = Record<string, unknown>;

/** What the app's text says. */
export interface Sheet {
  /** All but the images. */
  fields: Record<string, unknown>;
  /** Images that the room has never had: they are added to it, or stay here as they are. */
  strangers: unknown[];
  /** Of the images that it has had: the fields that are no scalars, by id. The room keeps none such. */
  nested: Map<string, Image>;
}

/** What a canvas begins with that has nothing on it. */
const BLANK = { images: [], videos: [], viewport: { x: 0, y: 0, scale: 1 } };

const ID_BYTES = 128;
const SRC_BYTES = 2048;
const IMAGE_BYTES = 4096;

const encoder = new TextEncoder();
export const bytesOf = (text: string): number => encoder.encode(text).length;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The id of what may be an image. */
export const idOf = (image: unknown): string | null => (isObject(image) && typeof image.id === 'string' ? image.id : null);

/** Reads the text; a sentence says why it cannot be. `has` tells which images the room has, or had. */
export function read(text: string, has: (id: string) => boolean): Sheet | string {
  let fields: unknown;
  try {
    fields = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    return 'It is no JSON.';
  }
  if (!isObject(fields)) return 'It is no JSON object.';
  const images = fields.images ?? [];
  if (!Array.isArray(images)) return 'Its images are no list.';
  const sheet: Sheet = { fields: { ...(Object.keys(fields).length === 0 ? BLANK : fields), images: [] }, strangers: [], nested: new Map() };
  for (const image of images as unknown[]) {
    const id = idOf(image);
    if (id === null || !has(id)) sheet.strangers.push(image);
    else keepNested(sheet, id, image as Image);
  }
  return sheet;
}

/** The room's images, in the order in which they lie, with all that the app has beside them. */
export function write(sheet: Sheet, images: Iterable<Image>): string {
  const ours = Array.from(images, (image) => ({ ...sheet.nested.get(String(image.id)), ...image }));
  return JSON.stringify({ ...sheet.fields, images: [...ours, ...sheet.strangers] });
}

/** Leaves out the strangers that the room has by now, or had. */
export function settle(sheet: Sheet, has: (id: string) => boolean): void {
  sheet.strangers = sheet.strangers.filter((image) => {
    const id = idOf(image);
    if (id === null || !has(id)) return true;
    keepNested(sheet, id, image as Image);
    return false;
  });
}

function keepNested(sheet: Sheet, id: string, image: Image): void {
  const nested = Object.entries(image).filter(([, value]) => typeof value === 'object' && value !== null);
  if (nested.length > 0) sheet.nested.set(id, Object.fromEntries(nested));
}

/** Whether a room might take this in. It has the last word: what it refuses stays with the app. */
export function isAddable(image: unknown): image is Image {
  if (!isObject(image)) return false;
  const { id, src, x, y, width, height } = image;
  if (typeof id !== 'string' || id === '' || bytesOf(id) > ID_BYTES) return false;
  if (typeof src !== 'string' || bytesOf(src) > SRC_BYTES || !/^(https?:\/\/|\/assets\/)/i.test(src)) return false;
  if (![x, y, width, height].every((value) => typeof value === 'number')) return false;
  if (Object.values(image).some((value) => typeof value === 'object' && value !== null)) return false;
  return bytesOf(JSON.stringify(image)) <= IMAGE_BYTES;
}
