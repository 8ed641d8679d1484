// Owns: which key does what: one table, for the keyboard and for the sheet that `?` shows. Free of DOM.
// Keys typed into a field are the field's (keys.js).

/** `keys`: what `event.key` says, with `Mod+` (Ctrl, or Cmd on a Mac), `Shift+`, `Alt+` before it, in that order. */
export const SHORTCUTS = [
  { group: 'Pictures', keys: ['Mod+a'], does: 'selectAll', says: 'Select all' },
  { group: 'Pictures', keys: ['Tab'], does: null, says: 'To the next picture' },
  { group: 'Pictures', keys: ['Enter'], does: 'pick', says: 'Keep it selected, or let it go' },
  { group: 'Pictures', keys: ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowDown'], does: 'nudge', says: 'Move a little' },
  { group: 'Pictures', keys: ['Shift+ArrowLeft', 'Shift+ArrowUp', 'Shift+ArrowRight', 'Shift+ArrowDown'], does: 'nudge', says: 'Move further' },
  { group: 'Pictures', keys: ['Alt+ArrowUp', 'Alt+ArrowDown'], does: 'scale', says: 'Larger, smaller' },
  { group: 'Pictures', keys: ['r', 'Shift+r'], does: 'turn', says: 'Turn by 15°, back' },
  { group: 'Pictures', keys: [']', '['], does: 'step', says: 'One forward, backward' },
  { group: 'Pictures', keys: ['Shift+}', 'Shift+{', 'Shift+]', 'Shift+['], shown: ['Shift+]', 'Shift+['], does: 'end', says: 'To front, to back' },
  { group: 'Pictures', keys: ['Mod+d'], does: 'duplicate', says: 'Duplicate' },
  { group: 'Pictures', keys: ['Delete', 'Backspace'], does: 'remove', says: 'Delete' },
  { group: 'Editing', keys: ['Mod+z'], does: 'undo', says: 'Undo' },
  { group: 'Editing', keys: ['Mod+Shift+z', 'Mod+y'], does: 'redo', says: 'Redo' },
  { group: 'Editing', keys: ['Mod+v'], does: null, says: 'Paste pictures or an address' },
  { group: 'Editing', keys: ['u'], does: 'files', says: 'Add image files' },
  { group: 'Editing', keys: ['l'], does: 'address', says: 'Add by address' },
  { group: 'View', keys: ['v'], does: 'selectTool', says: 'Select' },
  { group: 'View', keys: ['h'], does: 'handTool', says: 'Hand; or hold Space' },
  { group: 'View', keys: ['+', '=', 'Shift++', '-'], shown: ['+', '-'], does: 'zoom', says: 'Zoom in, out' },
  { group: 'View', keys: ['0'], does: 'fit', says: 'Show everything' },
  { group: 'View', keys: ['1'], does: 'actual', says: 'Back to 100 %' },
  { group: 'View', keys: ['m'], does: 'map', says: 'Minimap' },
  { group: 'View', keys: ['c'], does: 'chat', says: 'People and chat' },
  { group: 'View', keys: ['Escape'], does: 'escape', says: 'Let go, stop following' },
  { group: 'View', keys: ['?', 'Shift+?'], shown: ['?'], does: 'help', says: 'This sheet' },
];

const BY_KEY = new Map(SHORTCUTS.filter(({ does }) => does !== null).flatMap(({ keys, does }) => keys.map((key) => [key, does])));

export function nameOf({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  const letter = key.length === 1 ? key.toLowerCase() : key;
  return `${ctrlKey || metaKey ? 'Mod+' : ''}${shiftKey ? 'Shift+' : ''}${altKey ? 'Alt+' : ''}${letter}`;
}

/** What this key does, or undefined. */
export const actionOf = (event) => BY_KEY.get(nameOf(event));

const CAPS = new Map([['ArrowLeft', '←'], ['ArrowUp', '↑'], ['ArrowRight', '→'], ['ArrowDown', '↓'], ['Escape', 'Esc'], ['Delete', 'Del']]);

/** The caps to draw for one key of the table. */
export function capsOf(name, mac) {
  const parts = name.endsWith('++') ? [...name.slice(0, -2).split('+'), '+'] : name === '+' ? ['+'] : name.split('+');
  return parts.map((part) => {
    if (part === 'Mod') return mac ? '⌘' : 'Ctrl';
    if (part === 'Shift') return mac ? '⇧' : 'Shift';
    if (part === 'Alt') return mac ? '⌥' : 'Alt';
    return CAPS.get(part) ?? (part.length === 1 ? part.toUpperCase() : part);
  });
}
