// Serves folders on the loopback address and opens a page of them in headless Chromium.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import puppeteer from 'puppeteer-core';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.glb': 'model/gltf-binary' };

export async function openPage(folders, page, size = { width: 480, height: 480 }) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const file = folders.map((folder) => join(folder, path)).find((name) => existsSync(name) && statSync(name).isFile());
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'],
    protocolTimeout: 300000,
  });
  const tab = await browser.newPage();
  await tab.setViewport(size);
  const problems = [];
  tab.on('pageerror', (error) => problems.push(`${error}`));
  tab.on('console', (message) => ['error', 'warn'].includes(message.type()) && problems.push(message.text()));
  await tab.goto(`http://127.0.0.1:${server.address().port}/${page}`);
  const close = async () => { await browser.close(); server.close(); };
  return { tab, problems, close };
}
