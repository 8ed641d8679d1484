// Owns: the minimap on screen: pictures as blocks, everyone's view in their colour, a click that leads there.
// Not here: its arithmetic (minimap.js).

import { byId, safeColor } from './dom.js';
import { viewOf } from './follow.js';
import { fromMap, layOut, onMap } from './minimap.js';
import { centreOf } from './transform.js';

const PACE = 80; // ms between two drawings

export function showMap({ replica, camera, canvas, memory, frame, stageSize }) {
  const box = byId('map');
  const sheet = byId('map-sheet');
  const toggle = byId('map-toggle');
  const context = sheet.getContext('2d');
  let open = memory.get('map') !== 'closed' && !matchMedia('(max-width: 760px)').matches;
  let lie = null;
  let held = false;
  let stale = true;
  let timer = null;

  const refresh = () => {
    stale = true;
    timer ??= setTimeout(() => {
      timer = null;
      canvas.invalidate();
    }, PACE);
  };
  for (const type of ['image', 'images', 'users', 'viewport']) replica.on(type, refresh);
  camera.on('move', refresh);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', refresh);
  new MutationObserver(refresh).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  canvas.on('frame', () => {
    if (!stale || timer !== null) return;
    stale = false;
    draw();
  });

  function draw() {
    const none = replica.empty;
    toggle.hidden = none;
    box.hidden = none || !open;
    toggle.setAttribute('aria-expanded', String(open && !none));
    if (!box.hidden) paint();
  }

  function paint() {
    const size = { width: sheet.clientWidth, height: sheet.clientHeight };
    const density = devicePixelRatio || 1;
    const [w, h] = [Math.round(size.width * density), Math.round(size.height * density)];
    if (sheet.width !== w || sheet.height !== h) Object.assign(sheet, { width: w, height: h });
    const images = replica.unordered();
    const mine = camera.seen(stageSize());
    if (!held || lie === null) lie = layOut([...images, mine], size);
    const { color: blocks, caretColor: inside, accentColor: edge } = getComputedStyle(sheet); // canvas knows no variables
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    context.fillStyle = blocks;
    for (const image of images) block(image);
    for (const user of replica.users.values()) {
      const view = user.clientId === replica.me || user.idle ? null : viewOf(user);
      if (view) outline(view, safeColor(user.color), 1.5);
    }
    context.fillStyle = inside;
    const { x, y, width, height } = onMap(lie, mine);
    context.fillRect(x, y, width, height);
    outline(mine, edge, 2);
  }

  function block(image) {
    const { x, y, width, height } = onMap(lie, image);
    const turn = ((image.rotation ?? 0) * Math.PI) / 180;
    const middle = centreOf({ x, y, width, height });
    context.save();
    context.translate(middle.x, middle.y);
    context.rotate(turn);
    context.fillRect(-width / 2, -height / 2, Math.max(1.5, width), Math.max(1.5, height));
    context.restore();
  }

  function outline(view, color, line) {
    const { x, y, width, height } = onMap(lie, view);
    context.strokeStyle = color;
    context.lineWidth = line;
    context.strokeRect(x, y, width, height);
  }

  function go(event) {
    const { left, top } = sheet.getBoundingClientRect();
    const to = fromMap(lie, { x: event.clientX - left, y: event.clientY - top });
    const { x, y, width, height } = frame();
    camera.set({ x: x + width / 2 - to.x * camera.scale, y: y + height / 2 - to.y * camera.scale, scale: camera.scale });
  }
  sheet.addEventListener('pointerdown', (event) => {
    if (lie === null || event.button !== 0) return;
    held = true; // the map stays as it is while one drags over it
    sheet.setPointerCapture(event.pointerId);
    go(event);
  });
  sheet.addEventListener('pointermove', (event) => { if (held) go(event); });
  for (const type of ['pointerup', 'pointercancel']) {
    sheet.addEventListener(type, () => {
      held = false;
      refresh();
    });
  }

  function flip() {
    open = !open;
    memory.set('map', open ? 'open' : 'closed');
    refresh();
  }
  toggle.addEventListener('click', flip);
  refresh();
  return { flip };
}
