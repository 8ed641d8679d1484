// Owns: the few DOM verbs the page needs. Text from people goes in through `text` only.

export const byId = (id) => document.getElementById(id);

export function element(tag, { text, className, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** However often it is called, draws once, with the next frame. */
export function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** Colours come from other people too: only `#rrggbb` is one. */
export const safeColor = (color) => (/^#[0-9a-f]{6}$/i.test(color ?? '') ? color : '#8a8175');

/** Black or white, whichever reads better on the colour. */
export function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const part = parseInt(safeColor(color).slice(i, i + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#14110d' : '#ffffff';
}

const words = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
function initial(name) {
  return [...words.segment(name.trim())][0]?.segment.toUpperCase() ?? '?';
}

export function face({ name, color, avatar }) {
  const node = element('span', { className: 'face' });
  node.style.background = safeColor(color);
  node.style.color = inkOn(color);
  if (!avatar) {
    node.textContent = initial(name ?? '');
    return node;
  }
  const picture = element('img', { alt: '', src: avatar, referrerpolicy: 'no-referrer' });
  picture.addEventListener('error', () => { node.textContent = initial(name ?? ''); }, { once: true });
  node.append(picture);
  return node;
}

export function announce(text) {
  byId('announce').textContent = text;
}

export const isTyping = (target) => target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
