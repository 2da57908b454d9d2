// Sound for the page: a file decoded to 16 kHz mono, and the microphone in small chunks.

const toInt16 = (samples) => Int16Array.from(samples, (x) => Math.max(-1, Math.min(1, x)) * 32767);

export async function decode(file, rate) {
  const context = new OfflineAudioContext(1, 1, rate);
  const buffer = await context.decodeAudioData(await file.arrayBuffer()); // resampled to the context's rate
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++)
    buffer.getChannelData(channel).forEach((x, k) => { mono[k] += x / buffer.numberOfChannels; });
  return { buffer, pcm: toInt16(mono), seconds: mono.length / rate };
}

export async function openMicrophone(rate, onchunk) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true } });
  const context = new AudioContext({ sampleRate: rate });
  await context.audioWorklet.addModule('/page/capture.js');
  const node = new AudioWorkletNode(context, 'capture');
  node.port.onmessage = ({ data }) => onchunk(toInt16(data));
  context.createMediaStreamSource(stream).connect(node);
  return () => { stream.getTracks().forEach((track) => track.stop()); context.close(); };
}
