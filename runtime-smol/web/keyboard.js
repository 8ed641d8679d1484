// Owns: what keys do on the canvas. Keys typed into a field are the field's.

import { isTyping } from './dom.js';
import { tenth } from './pointer.js';

const ARROWS = new Map([['ArrowLeft', [-1, 0]], ['ArrowRight', [1, 0]], ['ArrowUp', [0, -1]], ['ArrowDown', [0, 1]]]);
const SETTLED = 350; // ms after the last arrow key until the nudges become one stored edit

export function listenToKeys({ session, selection, camera, pointer, actions }) {
  const nudges = new Map();

  function nudge(id, [dx, dy], step) {
    const image = session.replica.image(id);
    if (!image || !session.replica.canEdit) return;
    session.drag(id, { x: tenth(image.x + dx * step), y: tenth(image.y + dy * step) });
    clearTimeout(nudges.get(id));
    nudges.set(id, setTimeout(() => {
      nudges.delete(id);
      session.drop(id);
    }, SETTLED));
  }

  document.addEventListener('keydown', (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const onControl = event.target instanceof HTMLElement && event.target.closest('button, a') !== null;
    const arrow = ARROWS.get(event.key);
    if (arrow && !onControl) {
      event.preventDefault();
      const step = event.shiftKey ? 20 : 2;
      if (selection.size > 0) selection.ids.forEach((id) => nudge(id, arrow, step));
      else camera.pan(-arrow[0] * 40, -arrow[1] * 40);
      return;
    }
    switch (event.key) {
      case 'Delete':
      case 'Backspace': return actions.remove();
      case ']': return actions.toFront();
      case 'Escape': return selection.clear();
      case '+':
      case '=': return actions.zoomBy(1.25);
      case '-': return actions.zoomBy(0.8);
      case '0': return actions.fit();
      case ' ':
        if (onControl) return undefined;
        event.preventDefault();
        pointer.hand = true;
        return undefined;
      default: return undefined;
    }
  });
  document.addEventListener('keyup', (event) => {
    if (event.key === ' ') pointer.hand = false;
  });
  addEventListener('blur', () => { pointer.hand = false; });
}
