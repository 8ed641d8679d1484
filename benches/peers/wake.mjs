// What it takes to wake a room of Kanvas' worker that its platform has forgotten, and what it takes to leave it asleep.
// `npm run wake -- --help` tells the options.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import WebSocket from "ws";
import { Worker } from "../../runtime-wasm/worker/tests/worker.mjs";
import { build, load } from "./servers.mjs";

const HELP = `npm run wake -- [options]

  --images A,B    how many images the rooms have that are woken (default 0,500,5000)
  --rooms N       rooms of each kind; each is forgotten again and again (default 10)
  --times N       how often each of them is forgotten and woken (default 10)
  --sleepers N    sockets in the room that is left asleep (default 100)
  --seconds N     how long it is left so (default 30)
`;

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "0,500,5000" },
    rooms: { type: "string", default: "10" },
    times: { type: "string", default: "10" },
    sleepers: { type: "string", default: "100" },
    seconds: { type: "string", default: "30" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

/** After this long everybody has been told that all are idle, and the rooms' list has nothing to write any more. */
const AT_REST_MS = 100_000;
const say = (line) => process.stdout.write(`${line}\n`);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (numbers, share) => numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * share) - 1];

/** Somebody in a room. */
class Person {
  #awaited = new Map();

  static async join(worker, room, pk) {
    const person = new Person();
    person.socket = new WebSocket(`ws://${worker.host}/parties/main/${room}?_pk=${pk}`);
    person.socket.on("open", () => person.socket.send('{"type":"user:join","data":{}}'));
    person.socket.on("message", (data) => {
      const { type } = JSON.parse(data.toString());
      person.#awaited.get(type)?.(performance.now());
      person.#awaited.delete(type);
    });
    await person.hears("user:list");
    return person;
  }

  /** When the next message of that type came. */
  hears(type) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${type} came`)), 20_000);
      this.#awaited.set(type, (at) => {
        clearTimeout(late);
        resolve(at);
      });
    });
  }

  move(x) {
    this.socket.send(JSON.stringify({ type: "cursor:move", data: { x, y: 0 } }));
  }
}

/** From when one says a move to when the other hears it, in ms. */
async function echo([speaker, listener], x) {
  const heard = listener.hears("cursor:move");
  const said = performance.now();
  speaker.move(x);
  return (await heard) - said;
}

/** The times with each of the rooms forgotten before, and those a moment later. */
async function wakes(worker, images) {
  const fill = ["run", "--address", worker.host, "--room", "woken", "--rooms", values.rooms, "--images", images];
  execFileSync(load, [...fill, "--people", 1, "--warm-up", 0, "--seconds", 0.1].map(String), { stdio: "ignore" });
  const names = Array.from({ length: Number(values.rooms) }, (_, no) => `woken-${no}`);
  const pairs = [];
  for (const name of names) pairs.push([await Person.join(worker, name, "speaker"), await Person.join(worker, name, "listener")]);
  const [forgotten, awake] = [[], []];
  for (let time = 0; time < Number(values.times); time += 1) {
    for (const [no, name] of names.entries()) {
      // It is, as soon as nothing goes on in it any more.
      await worker.evict(name);
      forgotten.push(await echo(pairs[no], time * 2));
      await wait(100);
      awake.push(await echo(pairs[no], time * 2 + 1));
    }
  }
  return [forgotten, awake];
}

/** The processor's time that a process and all below it have taken, in ticks (proc_pid_stat(5)). */
function ticks(pid) {
  const stats = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1).split(" ");
      return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
  const family = [pid];
  for (const parent of family) family.push(...stats.filter((stat) => stat.parent === parent).map((stat) => stat.pid));
  return stats.filter((stat) => family.includes(stat.pid)).reduce((sum, stat) => sum + stat.ticks, 0);
}

/** What two workers take meanwhile, in ticks: one with a sleeping room, one without any. */
async function sleeps(sleeper, empty) {
  const people = [];
  for (let no = 0; no < Number(values.sleepers); no += 1) people.push(await Person.join(sleeper, "asleep", `sleeper-${no}`));
  await wait(AT_REST_MS);
  await sleeper.evict("asleep");
  const pids = [sleeper, empty].map((worker) => worker.process.pid);
  const before = pids.map(ticks);
  await wait(Number(values.seconds) * 1000);
  const taken = pids.map((pid, no) => ticks(pid) - before[no]);
  // Everybody is still there, and the room wakes for them.
  const [first, ...others] = people;
  const heard = others.map((person) => person.hears("cursor:move"));
  first.move(1);
  await Promise.all(heard);
  return taken;
}

/** Does something with workers of its own. */
async function withWorkers(count, work) {
  const workers = [];
  try {
    while (workers.length < count) workers.push(await Worker.start());
    return await work(...workers);
  } finally {
    for (const worker of workers) await worker.stop();
  }
}

build([]);
say(`From a move to its echo at another member, ms, ${Number(values.rooms) * Number(values.times)} times each\n`);
say("| images in the room | forgotten: p50 | p99 | awake: p50 | p99 |");
say("|---|---|---|---|---|");
for (const images of values.images.split(",").map(Number)) {
  const times = await withWorkers(1, (worker) => wakes(worker, images));
  const cells = times.flatMap((ms) => [quantile(ms, 0.5), quantile(ms, 0.99)]).map((ms) => ms.toFixed(1));
  say(`| ${images.toLocaleString("en")} | ${cells.join(" | ")} |`);
}
const [asleep, nothing] = await withWorkers(2, sleeps);
const ms = 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
say(`\nThe processor's time in ${values.seconds} s: ${asleep * ms} ms with a room of ${values.sleepers} sockets that sleeps, ${nothing * ms} ms without any room`);
// Sockets that were left open keep nobody.
process.exit();
