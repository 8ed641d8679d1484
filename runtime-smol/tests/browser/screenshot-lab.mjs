// Owns: the picture of the lab in the README: twelve people on a bad day, one of them looked at. Run it from the
// repository's root, after `cargo build --release`: node runtime-smol/tests/browser/screenshot-lab.mjs docs/lab.webp

import { writeFile } from 'node:fs/promises';
import { World } from './page.mjs';

const world = await World.open();
try {
  const page = await world.person('Lab', { colorScheme: 'light', locale: 'en-GB' });
  await page.goto(`${world.origin}/lab/?seed=7&people=12&images=16&latency=120&jitter=60&cut=30&crash=100&storage=200`);
  await page.waitForFunction(() => window.lab?.state() && window.lab.state().view.at - window.lab.state().begin > 14_000, null, { timeout: 60_000 });
  await page.keyboard.press('Space');
  await page.keyboard.press('5');
  await page.click('#kinds [data-kind="op"]');
  await page.waitForTimeout(600);
  const client = await page.context().newCDPSession(page);
  const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality: 88 });
  await writeFile(process.argv[2] ?? 'docs/lab.webp', Buffer.from(data, 'base64'));
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/lab.png` });
} finally {
  await world.close();
}
