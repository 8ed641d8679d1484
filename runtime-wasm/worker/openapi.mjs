// Owns: what of the native server's description of its API is true here: no recordings, and nothing that only they use.

const RECORDING = /^\/api\/rooms\/\{room\}\/recording(\/|$)/;

/** The description of the API as it is here. */
export function described({ paths, components, ...rest }) {
  const here = Object.fromEntries(Object.entries(paths).filter(([path]) => !RECORDING.test(path)));
  const used = new Set();
  follow(here, { components }, used);
  const parts = Object.entries(components).map(([kind, parts]) => {
    const kept = Object.entries(parts).filter(([name]) => kind === 'securitySchemes' || used.has(`#/components/${kind}/${name}`));
    return [kind, Object.fromEntries(kept)];
  });
  return { ...rest, paths: here, components: Object.fromEntries(parts) };
}

/** Notes every part that this refers to, and what those refer to. */
function follow(value, whole, used) {
  if (value === null || typeof value !== 'object') return;
  const { $ref } = value;
  if (typeof $ref === 'string' && !used.has($ref)) {
    used.add($ref);
    follow($ref.slice(2).split('/').reduce((part, key) => part[key], whole), whole, used);
  }
  for (const part of Object.values(value)) follow(part, whole, used);
}
