// Owns: what all dialogs of the page share: open, close by their buttons or a press beside them; a button that asks the server, one that
// copies.
// Not here: what is in them.

const SHOWN = 2_000;

/** Wires a <dialog>: { open, close }. `opening` fills it each time. */
export function sheet(dialog, opening = () => {}) {
  const close = () => dialog.close();
  for (const button of dialog.querySelectorAll('.sheet-close')) button.addEventListener('click', close);
  dialog.addEventListener('pointerdown', ({ target, clientX: x, clientY: y }) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    if (target === dialog && (x < left || x > right || y < top || y > bottom)) close(); // its own edge is no place beside it
  });
  return {
    open(...about) {
      opening(...about);
      if (!dialog.open) dialog.showModal();
    },
    close,
  };
}

export function closeSheets() {
  for (const dialog of document.querySelectorAll('dialog[open]:not(.refusal)')) dialog.close();
}

/** While the server is asked, the button cannot be pressed again. What goes wrong is said in `error`. */
export async function asking(button, error, ask) {
  error.textContent = '';
  button.disabled = true;
  try {
    await ask();
  } catch (problem) {
    error.textContent = problem.message;
  }
  button.disabled = false;
}

/** Copies, and says so on the button itself: what lies behind a dialog is not seen. False where that is not allowed. */
export async function copyBy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return false;
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, SHOWN);
  return true;
}
