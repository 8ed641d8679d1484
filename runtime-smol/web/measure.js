// Owns: learning the size of a picture, and that it is one.

const PATIENCE = 12_000;
const UNSIZED = 400; // a vector picture may have no size of its own

/** { width, height }, or an Error with a sentence. */
export function measure(src) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    const timer = setTimeout(() => {
      picture.src = '';
      reject(new Error('No answer from there within 12 seconds.'));
    }, PATIENCE);
    picture.addEventListener('load', () => {
      clearTimeout(timer);
      resolve({ width: picture.naturalWidth || UNSIZED, height: picture.naturalHeight || UNSIZED });
    });
    picture.addEventListener('error', () => {
      clearTimeout(timer);
      reject(new Error('No picture could be loaded from there.'));
    });
    picture.referrerPolicy = 'no-referrer';
    picture.src = src;
  });
}
