// Owns: what the tests of the lab ask of its page.

export const LONG = { timeout: 60_000 };

export const state = (page) => page.evaluate(() => window.lab.state());
export const until = (page, what, given) => page.waitForFunction(what, given, LONG);

export async function press(page, key) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press(key);
}

/** Opens a file by the page's button. */
export async function choose(page, file) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.getByRole('button', { name: /^Open a/ }).click()]);
  await chooser.setFiles(file);
}

/** To the moment after so many steps. */
export async function goToStep(page, step) {
  await page.evaluate((to) => window.lab.goToStep(to), step);
  await until(page, (to) => window.lab.state().view.step === to, step);
}
