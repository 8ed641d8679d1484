// How cost grows, measured and drawn: writes benches/plots/*.svg, prints the same as tables, and leaves the figures in
// target/growth.json. `npm run growth -- --help` tells the options.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { lines, measure } from "./measure.mjs";
import { plot } from "./plot.mjs";
import { build, root, servers } from "./servers.mjs";

const HELP = `npm run growth -- [options]

  --only A,B      these plots only: load, members, rooms, images, rate
  --seconds N     how long each point is measured (default 5)
  --quick         the first two points of each line, a second each, and nothing is written to benches/plots
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seconds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const named = (...names) => names.map((name) => servers.find((server) => server.name === name));
const cores = (outcome) => outcome.server.cores * 100;
const OF_A_CORE = "% of one core";

/** Each plot: its lines, and what is told to the generator at each of its points. */
const plots = [
  {
    name: "load",
    title: "One delivery, by load: one room, everyone moves 20 times a second",
    x: { label: "deliveries a second", log: true },
    y: { label: "µs of the server’s processor for one delivery", log: true },
    servers: named("kanvas", "kanvas-batch", "bare", "bun", "node", "partykit"),
    points: [10, 20, 50, 100, 200, 300],
    args: (people) => ["--people", people, "--rate", 20],
    at: (people) => people * (people - 1) * 20,
    cost: (outcome) => outcome.server.micros_per_delivery,
    // What delivers less than this is past its ceiling: the cost of the rest says nothing.
    least: 0.98,
  },
  {
    name: "members",
    title: "By members of a room, ten of whom move 20 times a second",
    x: { label: "members" },
    y: { label: OF_A_CORE },
    servers: named("kanvas", "bare", "bun"),
    points: [10, 100, 200, 400, 700, 1000],
    args: (people) => ["--people", people, "--speakers", 10, "--rate", 20],
    cost: cores,
  },
  {
    name: "rooms",
    title: "By rooms of ten, everyone moves 20 times a second",
    x: { label: "rooms" },
    y: { label: OF_A_CORE },
    servers: named("kanvas", "bare", "bun"),
    points: [5, 20, 40, 70, 100],
    args: (rooms) => ["--rooms", rooms, "--people", 10, "--rate", 20],
    cost: cores,
  },
  {
    name: "images",
    title: "By images in a room: 50 people, 500 stored edits a second",
    x: { label: "images" },
    y: { label: OF_A_CORE },
    servers: named("kanvas"),
    points: [100, 1000, 2000, 3500, 4900],
    args: (images) => ["--people", 50, "--rate", 10, "--kind", "edit", "--images", images],
    cost: cores,
  },
  {
    name: "rate",
    title: "By rate: 50 people in a room",
    x: { label: "moves a second of each" },
    y: { label: OF_A_CORE },
    servers: named("kanvas", "kanvas-batch", "bare", "bun"),
    points: [5, 10, 20, 40, 60],
    args: (rate) => ["--people", 50, "--rate", rate],
    cost: cores,
  },
];
const wanted = values.only ? plots.filter(({ name }) => values.only.split(",").includes(name)) : plots;
const seconds = values.quick ? 1 : values.seconds;

build(wanted.flatMap((plot) => plot.servers));
const folder = join(root, "benches/plots");
const found = [];
for (const { name, title, x, y, servers: compared, points, args, at = (point) => point, cost, least = 0 } of wanted) {
  const drawn = compared.map((server) => ({ name: server.title.replaceAll("`", ""), color: servers.indexOf(server), points: [] }));
  for (const point of values.quick ? points.slice(0, 2) : points) {
    // All servers at one point, then all at the next: what else the machine does falls on all alike.
    for (const [no, server] of compared.entries()) {
      const [outcome] = await measure(server, "run", [...lines(server), ...args(point), "--seconds", seconds]);
      found.push({ plot: name, server: server.name, point, outcome });
      if (outcome.share >= least) drawn[no].points.push([at(point), cost(outcome)]);
    }
  }
  process.stdout.write(`\n${title}\n\n| ${x.label} | ${drawn.map((line) => line.name).join(" | ")} |\n`);
  process.stdout.write(`|${"---|".repeat(drawn.length + 1)}\n`);
  for (const place of new Set(drawn.flatMap((line) => line.points.map(([where]) => where)))) {
    const cells = drawn.map((line) => line.points.find(([where]) => where === place)?.[1].toPrecision(3) ?? "");
    process.stdout.write(`| ${place.toLocaleString("en")} | ${cells.join(" | ")} |\n`);
  }
  if (!values.quick) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.svg`), plot({ title, x, y, lines: drawn }));
  }
}
mkdirSync(join(root, "target"), { recursive: true });
writeFileSync(join(root, "target/growth.json"), `${JSON.stringify(found, null, 1)}\n`);
