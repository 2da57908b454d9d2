// Node 22 or Deno: sends a raw recording (16 kHz, mono, int16) to emote3d serve and prints the jaw as it comes.
//   node speak.mjs speech.pcm [ws://127.0.0.1:8765/v1/stream]
import { readFileSync } from 'node:fs';
import { connect } from '../../emote3d/stream/page/client.js';

const [path, url = 'ws://127.0.0.1:8765/v1/stream'] = process.argv.slice(2);
const live = await connect(url, { direction: { emotion: 'happy' }, token: process.env.EMOTE3D_TOKEN ?? '' });
const jaw = live.columns.indexOf('jawOpen');
live.onframes = (first, frames) => frames.forEach((row, k) => console.log(first + k, row[jaw].toFixed(3)));
live.onflushed = (count) => { console.log(`${count} frames`); live.close(); };
const bytes = readFileSync(path);
const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
for (let at = 0; at < samples.length; at += 1600) live.send(samples.subarray(at, at + 1600));
live.flush();
