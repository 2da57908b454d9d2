// Runs in the audio thread: hands the microphone's samples over, 20 ms at a time.
class Capture extends AudioWorkletProcessor {
  #chunk = new Float32Array(320);
  #filled = 0;

  process([[channel]]) {
    for (const x of channel ?? []) {
      this.#chunk[this.#filled++] = x;
      if (this.#filled === this.#chunk.length) { this.port.postMessage(this.#chunk.slice()); this.#filled = 0; }
    }
    return true;
  }
}
registerProcessor('capture', Capture);
