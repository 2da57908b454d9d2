// Plays a .vrma on a .vrm in three-vrm: node vrm.mjs VRM VRMA TIME... prints what came of it.
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPage } from './browser.mjs';

const [vrm, vrma, ...times] = process.argv.slice(2);
const folders = [dirname(fileURLToPath(import.meta.url)), dirname(vrm), dirname(vrma)];
const { tab, problems, close } = await openPage(folders, `vrm.html?vrm=${basename(vrm)}&vrma=${basename(vrma)}`);
try {
  await tab.waitForFunction('window.facts || window.failure', { timeout: 120000 });
  const facts = await tab.evaluate(() => {
    if (window.failure) throw new Error(window.failure);
    return window.facts;
  });
  const frames = [];
  for (const time of times) frames.push(await tab.evaluate((seconds) => window.look(seconds), Number(time)));
  console.log(JSON.stringify({ ...facts, frames, problems: problems.filter((text) => !/favicon|404/.test(text)) }));
} finally {
  await close();
}
