// Opens the page of `emote3d view` in headless Chromium, drops a recording, and takes pictures while the avatar speaks.
// Arguments: url, recording, folder for the pictures. Prints what it saw as JSON.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const puppeteer = createRequire(new URL('../readers/', import.meta.url))('puppeteer-core');
const [url, recording, folder] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--autoplay-policy=no-user-gesture-required', '--disable-background-networking'],
  protocolTimeout: 200000,
});
const tab = await browser.newPage();
await tab.setViewport({ width: 720, height: 420 });
const problems = [], foreign = [];
tab.on('pageerror', (error) => problems.push(`${error}`));
tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
tab.on('request', (request) => { if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) foreign.push(request.url()); });
await tab.goto(url);
await tab.waitForFunction('window.emote3d?.ready || window.emote3d?.failure', { timeout: 150000 });
const failure = await tab.evaluate('window.emote3d.failure');
const drop = (bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], 'speech.wav', { type: 'audio/wav' }));
  dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
};
await tab.evaluate(drop, readFileSync(recording).toString('base64'));
await tab.waitForFunction('window.emote3d.playing && window.emote3d.rows.length > 3', { polling: 100, timeout: 150000 });
const spoken = new Set();
while (await tab.evaluate('!!window.emote3d.playing')) {
  spoken.add(await tab.evaluate('window.emote3d.shown'));
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const gap = (row) => row[17] - row[18]; // jawOpen - mouthClose
const rows = await tab.evaluate('window.emote3d.rows.map((row) => [...row])');
const order = [...rows.keys()].sort((a, b) => gap(rows[a]) - gap(rows[b]));
for (const [name, frame] of [['closed', order[0]], ['open', order[order.length - 1]]]) {
  await tab.evaluate(`new Promise((done) => { window.emote3d.shown = ${frame}; requestAnimationFrame(() => requestAnimationFrame(done)); })`);
  await tab.screenshot({ path: `${folder}/${name}.png` });
}
const exported = await tab.evaluate(async () => {
  const body = new Float32Array(window.emote3d.rows.slice(0, 20).flatMap((row) => [...row]));
  const answer = await fetch('/export/csv', { method: 'POST', body });
  return (await answer.text()).split('\n').length;
});
const shapes = await tab.evaluate('window.emote3d.avatar.shapes');
console.log(JSON.stringify({ problems, foreign, failure, spoken: spoken.size, exported, frames: rows.length, shapes }));
await browser.close();
