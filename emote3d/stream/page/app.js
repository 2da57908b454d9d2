// The page: sound in, the avatar out. A file is sent a little ahead of its playback; the microphone as it comes.
import { showAvatar } from './avatar.js';
import { connect } from './client.js';
import { decode, openMicrophone } from './sound.js';
import { drawTimeline, SECONDS as TIMELINE_S } from './timeline.js';

const byId = (id) => document.getElementById(id);
const AHEAD_S = 0.6, CHUNK_S = 0.1;
const NUMBERS = ['intensity', 'articulation', 'head_motion', 'blink_rate'];
const EMOTIONS = ['neutral', 'happy', 'sad', 'surprise', 'fear', 'disgust', 'anger', 'contempt'];
const state = { rows: [], playing: null, live: null, failure: null, avatar: null, shown: 0 };
window.emote3d = state; // for tests and the curious

const say = (text) => { byId('status').textContent = text; };

function direction() {
  const numbers = NUMBERS.map((name) => [name, Number(byId(name).value)]);
  return { emotion: byId('emotion').value, gaze: byId('gaze').value, ...Object.fromEntries(numbers) };
}

async function open() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const live = await connect(`${scheme}://${location.host}/v1/stream`, { direction: direction() });
  live.onframes = (first, frames) => frames.forEach((row, k) => { state.rows[first + k] = row; });
  live.onrefused = say;
  live.onclose = (code, reason) => { if (state.live === live) { say(`The session ended: ${reason || code}`); stop(); } };
  return live;
}

function stop() {
  state.playing?.end();
  const live = state.live;
  state.playing = state.live = null;
  live?.close();
  byId('mic').classList.remove('on');
}

async function playFile(file) {
  stop();
  say(`Reading ${file.name} ...`);
  const live = await open();
  state.live = live;
  state.rows = [];
  const { buffer, pcm, seconds } = await decode(file, live.sampleRate);
  const context = new AudioContext();
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  let sent = 0, began = null, flushed = false, complete = false;
  live.onflushed = () => { complete = true; };
  const now = () => (began === null ? 0 : (performance.now() - began) / 1000);
  const pump = setInterval(() => {
    while (sent < pcm.length && sent / live.sampleRate < now() + AHEAD_S) {
      const step = Math.round(CHUNK_S * live.sampleRate);
      live.send(pcm.subarray(sent, sent + step));
      sent += step;
    }
    if (sent >= pcm.length && !flushed) { live.flush(); flushed = true; }
    if (began === null && state.rows.length > 3) { began = performance.now(); source.start(); }
    if (complete && began !== null && now() > seconds + 0.3) finish();
  }, 20);
  const end = () => { clearInterval(pump); context.close(); };
  const finish = () => { say(`${file.name}: ${state.rows.length} frames. Export them, or drop another file.`); stop(); };
  state.playing = { end, frame: () => Math.floor(now() * live.fps) };
  say(`${file.name} (${seconds.toFixed(1)} s)`);
}

async function toggleMicrophone() {
  if (byId('mic').classList.contains('on')) return stop();
  stop();
  const live = await open();
  state.live = live;
  state.rows = [];
  const end = await openMicrophone(live.sampleRate, (chunk) => live.send(chunk));
  state.playing = { end, frame: () => state.rows.length - 1 };
  byId('mic').classList.add('on');
  say(`Speak. Delay: ${Math.round(live.latency.look_ahead_ms + live.latency.hop_ms)} ms and the computing.`);
}

async function save(format) {
  if (!state.rows.length) return say('There is nothing to export yet: drop a recording first.');
  say(`Writing .${format} ...`);
  const rows = Array.from(state.rows, (row) => row ?? new Float32Array(64));
  const body = new Float32Array(rows.length * 64);
  rows.forEach((row, k) => body.set(row, 64 * k));
  const answer = await fetch(`/export/${format}`, { method: 'POST', body, headers: { 'Content-Type': 'application/octet-stream' } });
  if (!answer.ok) return say(await answer.text());
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `emote3d.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`emote3d.${format}: ${rows.length} frames.`);
}

const guarded = (work) => (...given) => work(...given).catch((error) => { stop(); say(`${error.message ?? error}`); });

function wire(avatar, columns) {
  for (const name of EMOTIONS) byId('emotion').add(new Option(name));
  const changed = () => {
    for (const name of NUMBERS) byId(name).parentElement.querySelector('output').value = byId(name).value;
    state.live?.direct(direction());
  };
  for (const name of [...NUMBERS, 'emotion', 'gaze']) byId(name).addEventListener('input', changed);
  changed();
  byId('stop').onclick = stop;
  byId('timeline').onclick = ({ offsetX, target }) => { // look at a moment of what was performed
    if (!state.playing) state.shown = Math.max(0, state.shown - Math.round((1 - offsetX / target.clientWidth) * TIMELINE_S * 30));
  };
  byId('mic').onclick = guarded(toggleMicrophone);
  byId('file').onchange = (event) => guarded(playFile)(event.target.files[0]);
  for (const button of byId('exports').children) button.onclick = () => guarded(save)(button.dataset.format);
  addEventListener('dragover', (event) => { event.preventDefault(); byId('stage').classList.add('over'); });
  addEventListener('dragleave', () => byId('stage').classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    byId('stage').classList.remove('over');
    if (event.dataTransfer.files.length) guarded(playFile)(event.dataTransfer.files[0]);
  });
  const show = () => {
    const at = Math.min(state.playing ? state.playing.frame() : state.shown, state.rows.length - 1);
    if (at >= 0 && state.rows[at]) {
      avatar.pose(columns, state.rows[at]);
      state.shown = at;
      drawTimeline(byId('timeline'), columns, state.rows, at, 30);
      byId('hint').hidden = true;
    }
    avatar.draw();
    requestAnimationFrame(show);
  };
  show();
}

async function main() {
  const columns = await (await fetch('/columns')).json();
  state.avatar = await showAvatar(byId('stage'), '/avatar.glb');
  wire(state.avatar, columns);
  say('Ready.');
  state.ready = true;
}

main().catch((error) => { state.failure = `${error}`; say(`The page could not start: ${error.message ?? error}`); });
