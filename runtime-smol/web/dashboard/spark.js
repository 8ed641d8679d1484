// Owns: the line of the last hour in a card, and what it says of the minute that is pointed at.

const HEIGHT = 32;
/** Room for the line's own width. */
const EDGE = 2;

export class Spark {
  #svg;
  #values = [];
  #onPoint;
  #at = null;

  /** `onPoint` is told which minute is pointed at, or null. */
  constructor(svg, onPoint) {
    this.#svg = svg;
    this.#onPoint = onPoint;
    svg.addEventListener('pointermove', (event) => {
      const { left, width } = svg.getBoundingClientRect();
      const last = this.#values.length - 1;
      this.#point(last < 0 ? null : Math.min(last, Math.max(0, Math.round(((event.clientX - left) / width) * last))));
    });
    svg.addEventListener('pointerleave', () => this.#point(null));
  }

  draw(values) {
    this.#values = values;
    const most = Math.max(...values, 0);
    const y = (value) => (HEIGHT - EDGE - (value / most) * (HEIGHT - 2 * EDGE)).toFixed(2);
    // Of nothing at all there is no line.
    const line = most === 0 ? '' : values.map((value, x) => `${x === 0 ? 'M' : 'L'}${x} ${y(value)}`).join('');
    this.#svg.setAttribute('viewBox', `0 0 ${Math.max(1, values.length - 1)} ${HEIGHT}`);
    this.#path('spark-line', line);
    this.#path('spark-area', line === '' ? '' : `${line}L${values.length - 1} ${HEIGHT}L0 ${HEIGHT}Z`);
    this.#mark();
  }

  #point(at) {
    if (at === this.#at) return;
    this.#at = at;
    this.#mark();
    this.#onPoint(at);
  }

  #mark() {
    this.#path('spark-at', this.#at === null ? '' : `M${this.#at} 0V${HEIGHT}`);
  }

  #path(name, d) {
    this.#svg.querySelector(`.${name}`).setAttribute('d', d);
  }
}
