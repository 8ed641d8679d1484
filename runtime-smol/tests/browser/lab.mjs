// Owns: what the tests of the lab ask of its page.

import assert from 'node:assert/strict';

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

/** Nothing is wider than the window, and every control has a name. */
export async function fits(page, width) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${wide} pixels of ${width}`);
  const nameless = await page.$$eval('button, input, select, [role=slider]', (nodes) => nodes
    .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length || node.title))
    .map((node) => node.outerHTML));
  assert.deepEqual(nameless, []);
}
