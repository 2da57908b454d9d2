// A client of `emote3d serve` in JavaScript (browsers, Deno, Node 22): no dependencies. docs/live.md describes the protocol.
// const live = await connect('ws://127.0.0.1:8765/v1/stream', { direction: { emotion: 'happy' } });
// live.onframes = (first, frames) => ...;  live.send(int16Samples);  live.flush();

const MAGIC = 0x31463345, BODY_MAGIC = 0x31423345; // "E3F1", "E3B1"

function unpack(buffer) {
  const view = new DataView(buffer);
  const magic = view.getUint32(0, true);
  if (magic !== MAGIC && magic !== BODY_MAGIC) throw new Error('not a packed message of emote3d');
  const first = view.getUint32(4, true), count = view.getUint16(8, true), width = view.getUint16(10, true);
  const frames = [];
  for (let k = 0; k < count; k++) frames.push(new Float32Array(buffer, 12 + 4 * width * k, width));
  return [magic === BODY_MAGIC, first, frames];
}

export class LiveClient {
  onframes = () => {};
  onbody = () => {}; // asked for by { body: true }: (first, frames) of columns bodyColumns, later than the face
  onflushed = () => {};
  onrefused = () => {};
  onclose = () => {};

  constructor(socket, ready) {
    this.socket = socket;
    Object.assign(this, { columns: ready.columns, bodyColumns: ready.body_columns ?? [], fps: ready.fps, sampleRate: ready.sample_rate, latency: ready.latency });
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = ({ code, reason }) => this.onclose(code, reason);
  }

  send(samples) { // Int16Array at sampleRate, mono
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(samples);
  }

  direct(direction) { this.#say({ type: 'direct', direction }); }
  reset() { this.#say({ type: 'reset' }); }
  flush() { this.#say({ type: 'flush' }); }
  close() { this.socket.close(1000); }

  #say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #hear(data) {
    if (data instanceof ArrayBuffer) {
      const [body, first, frames] = unpack(data);
      return body ? this.onbody(first, frames) : this.onframes(first, frames);
    }
    const told = JSON.parse(data);
    if (told.type === 'flushed') this.onflushed(told.frames);
    if (told.type === 'refused') this.onrefused(told.reason);
  }
}

export function connect(url, start = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket.send(JSON.stringify({ type: 'start', format: 'float32', ...start }));
    socket.onmessage = ({ data }) => resolve(new LiveClient(socket, JSON.parse(data)));
    socket.onclose = ({ code, reason }) => reject(new Error(reason || `the server ended the session (${code})`));
  });
}
