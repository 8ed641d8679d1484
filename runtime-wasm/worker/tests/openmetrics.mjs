// Reads OpenMetrics text as strictly as the standard says it is written, as far as it has counters and gauges.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const NUMBER = /^(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/;
const SUFFIX = { counter: '_total', gauge: '' };

/** The families by name: `{ type, unit, help, samples: [{ labels, value }] }`. Throws a sentence at the first fault. */
export function parse(text) {
  const fail = (why) => {
    throw new Error(why);
  };
  if (!text.endsWith('\n# EOF\n')) fail('it does not end with EOF');
  const families = new Map();
  let current = null;
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    if (line === '') fail('there is an empty line');
    if (line === '# EOF') fail('something comes after EOF');
    if (line.startsWith('#')) {
      const [, key, name, value] = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line) ?? fail(`this is no line of a family: ${line}`);
      if (name !== current?.name) {
        if (families.has(name)) fail(`${name} is in two places`);
        if (!NAME.test(name)) fail(`${name} is no name`);
        current = { name, samples: [] };
        families.set(name, current);
      }
      if (current.samples.length > 0) fail(`${name} is told of after its samples`);
      if (key.toLowerCase() in current) fail(`${name} has two lines of ${key}`);
      current[key.toLowerCase()] = value;
    } else {
      const [, name, inside, number] = SAMPLE.exec(line) ?? fail(`this is no sample: ${line}`);
      if (!(current?.type in SUFFIX)) fail(`${name} is of no type`);
      if (name !== current.name + SUFFIX[current.type]) fail(`${name} is no sample of ${current.name}, a ${current.type}`);
      if (!NUMBER.test(number)) fail(`${number} is no number`);
      const labels = {};
      let rest = inside ?? '';
      if (inside === '') fail(`${name} has braces without a label`);
      while (rest !== '') {
        const [whole, label, value] = LABEL.exec(rest) ?? fail(`these are no labels: ${rest}`);
        if (label in labels) fail(`${name} has ${label} twice`);
        labels[label] = value.replace(/\\(.)/g, (_, sign) => (sign === 'n' ? '\n' : sign));
        rest = rest.slice(whole.length);
      }
      const same = (one) => JSON.stringify(Object.entries(one).toSorted()) === JSON.stringify(Object.entries(labels).toSorted());
      if (current.samples.some((sample) => same(sample.labels))) fail(`${line} is a second sample of the same`);
      current.samples.push({ labels, value: Number(number) });
    }
  }
  for (const { name, type, unit, help } of families.values()) {
    if (type === undefined || help === undefined) fail(`${name} lacks a type or a help`);
    if (type === 'counter' && name.endsWith('_total')) fail(`${name} has its suffix twice`);
    if (unit !== undefined && !name.endsWith(`_${unit}`)) fail(`${name} does not end with its unit`);
    if (unit === undefined && /_(bytes|seconds)$/.test(name)) fail(`${name} does not say its unit`);
  }
  return families;
}
