// Draws lines over a plane as SVG: axes with units, each line named at its end, legible in light and in dark.

const WIDTH = 720;
const HEIGHT = 420;
const PLANE = { left: 76, right: 580, top: 56, bottom: 356 };

const STYLE = `
  svg { color: #1c1e24; font: 13px system-ui, sans-serif; background: #fff }
  .title { font-size: 15px; font-weight: 600 } .axis { opacity: .72 } .grid { stroke: currentColor; opacity: .14 }
  .a { color: #2f6fdf } .b { color: #7a8194 } .c { color: #d9730d } .d { color: #3f8f46 } .e { color: #b0438c } .f { color: #8a6d1f }
  path { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round } circle, .name { fill: currentColor } .name { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    svg { color: #e4e6ec; background: #15171c }
    .a { color: #79a7ff } .b { color: #9aa2b5 } .c { color: #ffa657 } .d { color: #7bc97f } .e { color: #e58bc6 } .f { color: #d6b656 }
  }`;

const COLORS = ["a", "b", "c", "d", "e", "f"];

const text = (value) => String(value).replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

const short = (value) => {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
};

/** From values to a place between `from` and `to`, with the values to mark. */
function axis({ log = false }, values, from, to) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (log) {
    const [low, high] = [Math.log10(least), Math.log10(most)];
    const [first, last] = [low - (high - low || 1) * 0.06, high + (high - low || 1) * 0.06];
    const wide = last - first > 2.5;
    const marks = [];
    for (let power = Math.floor(first); power <= last; power += 1) {
      for (const step of wide ? [1] : [1, 2, 5]) marks.push(step * 10 ** power);
    }
    const place = (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from);
    return { place, marks: marks.filter((mark) => Math.log10(mark) >= first && Math.log10(mark) <= last) };
  }
  const rough = (most || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const last = Math.ceil((most * 1.02 || 1) / step) * step;
  const marks = Array.from({ length: Math.round(last / step) + 1 }, (_, no) => no * step);
  return { place: (value) => from + (value / last) * (to - from), marks };
}

/** `x` and `y` are { label, log? }; `lines` are [{ name, color: 0 to 5, points: [[x, y], …] }]. */
export function plot({ title, x, y, lines }) {
  const drawn = lines.filter((line) => line.points.length > 0);
  const values = (no) => drawn.flatMap((line) => line.points.map((point) => point[no]));
  const across = axis(x, values(0), PLANE.left, PLANE.right);
  const up = axis(y, values(1), PLANE.bottom, PLANE.top);
  const parts = [];
  for (const mark of up.marks) {
    const at = up.place(mark).toFixed(1);
    parts.push(`<path class="grid" d="M${PLANE.left} ${at}H${PLANE.right}"/><text class="axis" x="${PLANE.left - 10}" y="${at}" dy=".35em" text-anchor="end">${short(mark)}</text>`);
  }
  for (const mark of across.marks) {
    const at = across.place(mark).toFixed(1);
    parts.push(`<path class="grid" d="M${at} ${PLANE.top}V${PLANE.bottom}"/><text class="axis" x="${at}" y="${PLANE.bottom + 20}" text-anchor="middle">${short(mark)}</text>`);
  }
  parts.push(`<text class="axis" x="${(PLANE.left + PLANE.right) / 2}" y="${PLANE.bottom + 44}" text-anchor="middle">${text(x.label)}</text>`);
  parts.push(`<text class="axis" x="26" y="${PLANE.top - 10}">${text(y.label)}</text>`);
  // Names that would lie over one another, or over the axis, move apart and upwards.
  const names = drawn.map((line) => ({ line, at: up.place(line.points.at(-1)[1]) })).sort((a, b) => b.at - a.at);
  names.forEach((name, no) => (name.at = Math.min(name.at, (names[no - 1]?.at ?? PLANE.bottom + 8) - 17)));
  for (const { line, at } of names) {
    const points = line.points.map(([a, b]) => `${across.place(a).toFixed(1)} ${up.place(b).toFixed(1)}`);
    const dots = points.map((point) => `<circle cx="${point.split(" ")[0]}" cy="${point.split(" ")[1]}" r="3"/>`).join("");
    const end = across.place(line.points.at(-1)[0]);
    parts.push(`<g class="${COLORS[line.color]}"><path d="M${points.join("L")}"/>${dots}<text class="name" x="${(end + 10).toFixed(1)}" y="${at.toFixed(1)}" dy=".35em">${text(line.name)}</text></g>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${text(title)}">
<style>${STYLE}</style>
<text class="title" x="26" y="24" fill="currentColor">${text(title)}</text>
<g fill="currentColor">${parts.join("\n")}</g>
</svg>
`;
}
