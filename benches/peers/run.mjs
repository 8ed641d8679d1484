// Starts the servers one after another on the same machine, has the same people do the same to each, and prints what it
// cost. `npm start -- --help` tells the options.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { lines, measure } from "./measure.mjs";
import { build, root, servers } from "./servers.mjs";

const apart = servers.filter((server) => server.apart).map((server) => server.name);
const HELP = `npm start -- [options]

  --only A,B      these servers only: ${servers.map((server) => server.name).join(", ")};
                  the default is all that need no other \`npm ci\` than this folder's: all but ${apart.join(", ")}
  --loads A,B     rooms x people x messages a second of each, as 1x200x20, or of the first ten of them, as 1x1000x30/10;
                  the defaults are those of the README
  --seconds N     how long each is measured (default 8)
  --warm-up N     how long each goes on before that (default 2)
  --rounds N      how often all of it is done; the median counts (default 1)
  --ceiling       also look for the most people that each carries in one room, at 20 a second
  --from N        where that search begins (default 50)
  --idle N        also measure the memory of so many connections that do nothing
  --own           also measure what only Kanvas does: stored edits, joins of a full room
  --check         fail if anything was not delivered
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    loads: { type: "string", default: "1x10x20,1x50x20,1x100x20,1x200x20,10x50x20,1x1000x30/10,2000x2x5" },
    seconds: { type: "string", default: "8" },
    rounds: { type: "string", default: "1" },
    "warm-up": { type: "string", default: "2" },
    ceiling: { type: "boolean", default: false },
    from: { type: "string", default: "50" },
    idle: { type: "string" },
    own: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const only = values.only?.split(",");
const chosen = servers.filter((server) => (only ? only.includes(server.name) : !server.apart));
const loads = values.loads.split(",").map((text) => {
  const [rooms, people, rate, speakers = people] = text.split(/[x/]/).map(Number);
  if (![rooms, people, rate, speakers].every((number) => number > 0)) throw new Error(`--loads: ${text} is not like 1x200x20.`);
  return { rooms, people, rate, speakers, text };
});

build(values.own ? [servers[0], ...chosen] : chosen);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const say = (line) => process.stdout.write(`${line}\n`);
const results = [];
const broken = [];

say(`${cpus().length} × ${cpus()[0].model}; ${new Date().toISOString().slice(0, 10)}; servers one after another, the generator beside each.\n`);
for (const server of chosen) say(`- ${server.title} ${server.version()}${server.lacks ? `: without ${server.lacks}` : ""}`);

for (const { text, rooms, people, rate, speakers } of loads) {
  const who = speakers < people ? `, of whom ${speakers} move` : "";
  const deliveries = rooms * speakers * (people - 1) * rate;
  say(`\n${rooms} × ${people} × ${rate}/s${who}: ${deliveries.toLocaleString("en")} deliveries/s\n`);
  say("| server | delivered | p50 ms | p99 ms | µs/delivery | of the bare loop | cores | generator's | MiB |");
  say("|---|---|---|---|---|---|---|---|---|");
  const row = new Map();
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const server of chosen) {
      const size = ["--rooms", rooms, "--people", people, "--rate", rate, "--speakers", speakers];
      const args = [...lines(server), ...size, "--seconds", values.seconds, "--warm-up", values["warm-up"]];
      try {
        const [outcome] = await measure(server, "run", args);
        row.set(server, [...(row.get(server) ?? []), outcome]);
        results.push({ server: server.name, load: text, round, outcome });
      } catch (error) {
        // A server that breaks under a load is a result too.
        broken.push(`${server.name} broke under ${text}: ${(error.stderr || error.message).trim()}`);
      }
    }
  }
  const of = (server, pick) => (row.has(server) ? median(row.get(server).map(pick)) : Number.NaN);
  const cost = (outcome) => outcome.server.micros_per_delivery;
  const floor = of(servers.find((server) => server.name === "bare"), cost);
  for (const server of chosen.filter((one) => row.has(one))) {
    const cells = [
      server.title,
      `${(of(server, (outcome) => outcome.share) * 100).toFixed(1)} %`,
      of(server, (outcome) => outcome.latency.p50).toFixed(1),
      of(server, (outcome) => outcome.latency.p99).toFixed(1),
      of(server, cost).toFixed(3),
      floor > 0 ? (of(server, cost) / floor).toFixed(2) : "",
      of(server, (outcome) => outcome.server.cores).toFixed(2),
      of(server, (outcome) => outcome.generator.cores).toFixed(2),
      Math.round(of(server, (outcome) => outcome.server.memory) / 2 ** 20),
    ];
    say(`| ${cells.join(" | ")} |`);
  }
}

if (values.ceiling) {
  say("\nThe most people in one room, 20 moves a second each, with 99.9 % delivered and p99 at most 50 ms\n");
  say("| server | people | deliveries/s | p99 ms | cores | generator's |");
  say("|---|---|---|---|---|---|");
  for (const server of chosen) {
    const steps = await measure(server, "ceiling", [...lines(server), "--people", values.from, "--seconds", 4]);
    results.push({ server: server.name, load: "ceiling", outcome: steps });
    const best = steps.findLast(({ share, latency }) => share >= 0.999 && latency.p99 <= 50);
    if (!best) {
      say(`| ${server.title} | fewer than ${values.from} | | | | |`);
      continue;
    }
    // The generator has one thread: once that is full, it is not the server that fails.
    const full = steps.at(-1).generator.cores > 0.95;
    const cells = [
      server.title,
      full ? `at least ${best.people}` : best.people,
      Math.round(best.deliveries_per_second).toLocaleString("en"),
      best.latency.p99.toFixed(1),
      best.server.cores.toFixed(2),
      best.generator.cores.toFixed(2),
    ];
    say(`| ${cells.join(" | ")} |`);
  }
}

if (values.idle) {
  say(`\n${values.idle} connections that have joined and do nothing\n`);
  say("| server | bytes a connection | cores |");
  say("|---|---|---|");
  for (const server of chosen.filter((one) => ["kanvas", "bun", "node"].includes(one.name))) {
    const people = 50;
    const outcome = await measure(server, "idle", ["--rooms", Math.ceil(values.idle / people), "--people", people]);
    results.push({ server: server.name, load: "idle", outcome });
    say(`| ${server.title} | ${Math.round(outcome.bytes_per_connection)} | ${outcome.cores.toFixed(3)} |`);
  }
}

if (values.own) {
  const kanvas = servers[0];
  say("\nStored and acknowledged edits, 20 rooms of 50\n");
  say("| edits/s | acknowledged | p50 ms | p99 ms | cores | generator's |");
  say("|---|---|---|---|---|---|");
  for (const rate of [10, 20]) {
    const size = ["--rooms", 20, "--people", 50, "--rate", rate, "--seconds", values.seconds];
    const [outcome] = await measure(kanvas, "run", ["--json", "--kind", "edit", ...size]);
    results.push({ server: kanvas.name, load: `edits at ${rate}`, outcome });
    const { acks } = outcome;
    const cells = [
      Math.round(acks.per_second),
      `${(acks.share * 100).toFixed(1)} %`,
      acks.latency.p50.toFixed(1),
      acks.latency.p99.toFixed(1),
      outcome.server.cores.toFixed(2),
      outcome.generator.cores.toFixed(2),
    ];
    say(`| ${cells.join(" | ")} |`);
  }
  const joins = await measure(kanvas, "join", []);
  results.push({ server: kanvas.name, load: "join", outcome: joins });
  const ms = (number) => `${number.toFixed(1)} ms`;
  say(`\nJoining a room of ${joins.images} images: ${ms(joins.cpu_after_an_edit)} of the processor after an edit, ${ms(joins.cpu)} else; ${joins.people} at once are in sync after ${ms(joins.all_in_sync)}.`);
}

mkdirSync(join(root, "target"), { recursive: true });
writeFileSync(join(root, "target/peers.json"), `${JSON.stringify(results, null, 1)}\n`);
for (const line of broken) process.stderr.write(`${line}\n`);
if (values.check) {
  const lost = results.filter(({ outcome }) => outcome.share < 0.999);
  for (const { server, load: text, outcome } of lost) {
    process.stderr.write(`${server} delivered ${(outcome.share * 100).toFixed(2)} % of ${text}.\n`);
  }
  if (lost.length + broken.length > 0) process.exitCode = 1;
}
