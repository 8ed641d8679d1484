// Owns: what of the stage is free of panels, the zoom's number, the view that a tab comes back to, telling it to others.

import { byId } from './dom.js';
import { tab } from './memory.js';
import { tenth } from './transform.js';

const WIDE = 1000;
const SIDES = 24;

/** Sizes are kept and learnt anew when they change: asking while drawing would force a layout. */
export function freeFrame(stage) {
  let size = { width: innerWidth, height: innerHeight };
  let sideWidth = 0;
  let below = 0; // what the open samples cover
  const side = byId('side');
  const samples = byId('samples');
  const measure = () => {
    size = { width: stage.clientWidth || innerWidth, height: stage.clientHeight || innerHeight };
    sideWidth = side.hidden ? 0 : side.offsetWidth;
    below = samples.hidden ? 0 : samples.offsetHeight;
  };
  const watch = new ResizeObserver(measure);
  watch.observe(stage);
  watch.observe(side);
  watch.observe(samples);
  measure();
  return {
    stageSize: () => size,
    /** In the stage's own pixels. */
    frame() {
      const { width, height } = size;
      const right = sideWidth > 0 && width >= WIDE ? sideWidth + 16 + SIDES : SIDES;
      return { x: SIDES, y: 92, width: Math.max(120, width - SIDES - right), height: Math.max(120, height - 92 - 96 - below) };
    },
  };
}

export function wireView({ id, session, camera, follow, actions, stageSize }) {
  const key = `view.${id}`;
  let chosen = restore(camera, tab.get(key));
  if (!chosen) camera.set({ x: innerWidth / 2, y: innerHeight / 2, scale: 1 });
  const unfit = session.replica.on('images', () => {
    if (session.replica.seq === null) return;
    unfit();
    if (!chosen) actions.fit();
    chosen = true;
  });
  const show = () => {
    const words = `${Math.round(camera.scale * 100)}%`;
    if (byId('zoom-level').textContent !== words) byId('zoom-level').textContent = words;
  };
  const tell = () => session.look({ x: tenth(camera.x), y: tenth(camera.y), scale: Math.round(camera.scale * 1e4) / 1e4 });
  camera.on('move', () => {
    show();
    if (!follow.isRound()) tell(); // two who follow each other would chase their own echo
  });
  const describe = () => session.describe({
    w: Math.round(stageSize().width),
    h: Math.round(stageSize().height),
    follows: follow.whom ?? undefined,
  });
  follow.on('change', () => {
    tell();
    describe();
  });
  let timer = null;
  addEventListener('resize', () => {
    clearTimeout(timer);
    timer = setTimeout(describe, 300);
  });
  describe();
  addEventListener('pagehide', () => tab.set(key, JSON.stringify(camera.view)));
  show();
}

function restore(camera, text) {
  try {
    const view = JSON.parse(text);
    if (![view.x, view.y, view.scale].every(Number.isFinite)) return false;
    camera.set(view);
    return true;
  } catch {
    return false;
  }
}
