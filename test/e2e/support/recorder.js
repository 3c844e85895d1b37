/**
 * Runs in the page: watches a playing video for some seconds and returns what was seen and heard.
 *
 * - `decoded`: strip and flash of every picture that the track delivered, none skipped (MediaStreamTrackProcessor);
 * - `shown`: pictures as they were displayed, with the time of display (requestVideoFrameCallback may skip some);
 * - `beeps`: when the 1 kHz beep began to sound (AudioWorklet, mapped to the page's clock by the output timestamp).
 *
 * All times are epoch milliseconds.
 */

const BEEP_HZ = 1000;
/** Mean power of the beep over that of everything else in a quantum. */
const BEEP_SHARE = 0.6;
const BEEP_MIN_POWER = 1e-4;

/** Goertzel over each render quantum's sliding window (the textbook filter); posts each rising edge. */
const WORKLET = `
class BeepDetector extends AudioWorkletProcessor {
  constructor() {
    super();
    this.window = new Float32Array(480);
    this.silentFor = 1;
  }
  process([[samples]]) {
    if (!samples) return true;
    this.window.copyWithin(0, samples.length);
    this.window.set(samples, this.window.length - samples.length);
    const coefficient = 2 * Math.cos((2 * Math.PI * ${BEEP_HZ}) / sampleRate);
    let a = 0, b = 0, power = 0;
    for (const sample of this.window) {
      const next = sample + coefficient * a - b;
      b = a;
      a = next;
      power += sample * sample;
    }
    const count = this.window.length;
    const tone = (2 * (a * a + b * b - coefficient * a * b)) / count;
    const beeping = power / count > ${BEEP_MIN_POWER} && tone > ${BEEP_SHARE} * power;
    // The window is seen as a beep once most of it is: half a window late.
    if (beeping && this.silentFor > 0.3) this.port.postMessage(currentTime - count / 2 / sampleRate);
    this.silentFor = beeping ? 0 : this.silentFor + samples.length / sampleRate;
    return true;
  }
}
registerProcessor('beep-detector', BeepDetector);
`;

const epoch = (performanceMs) => performance.timeOrigin + performanceMs;

const flashCanvas = new OffscreenCanvas(1, 1);
const flashContext = flashCanvas.getContext('2d', { willReadFrequently: true });

/** True while the white square in the bottom right corner (an eighth of the width) is lit. */
function isFlash(picture, width, height) {
  const side = width / 16;
  flashContext.drawImage(picture, width - side * 1.25, height - side * 1.25, side / 2, side / 2, 0, 0, 1, 1);
  const [red, green, blue] = flashContext.getImageData(0, 0, 1, 1).data;
  return Math.min(red, green, blue) > 200;
}

async function recordDecoded(track, readFrameStrip, until) {
  const processor = new MediaStreamTrackProcessor({ track, maxBufferSize: 60 });
  const reader = processor.readable.getReader();
  const decoded = [];
  while (performance.now() < until) {
    const { done, value: frame } = await reader.read();
    if (done) break;
    const { displayWidth: width, displayHeight: height } = frame;
    decoded.push({ strip: readFrameStrip(frame, width), flash: isFlash(frame, width, height) });
    frame.close();
  }
  await reader.cancel();
  return decoded;
}

async function recordShown(video, readFrameStrip, until) {
  const shown = [];
  while (performance.now() < until) {
    const { promise, resolve } = Promise.withResolvers();
    video.requestVideoFrameCallback((_now, metadata) => resolve(metadata));
    const { expectedDisplayTime } = await promise;
    shown.push({ strip: readFrameStrip(video, video.videoWidth), displayedAt: epoch(expectedDisplayTime) });
  }
  return shown;
}

async function recordBeeps(track, until) {
  const context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
  const module = URL.createObjectURL(new Blob([WORKLET], { type: 'text/javascript' }));
  await context.audioWorklet.addModule(module);
  await context.resume();
  const detector = new AudioWorkletNode(context, 'beep-detector', { numberOfOutputs: 0, channelCount: 1 });
  const beeps = [];
  detector.port.addEventListener('message', ({ data: contextTime }) => {
    const output = context.getOutputTimestamp();
    const mapped = output.performanceTime > 0;
    const performanceMs = mapped
      ? output.performanceTime + (contextTime - output.contextTime) * 1000
      : performance.now() - (context.currentTime - contextTime - context.outputLatency) * 1000;
    beeps.push(epoch(performanceMs));
  });
  detector.port.start();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  source.connect(detector);
  await new Promise((resolve) => setTimeout(resolve, until - performance.now()));
  source.disconnect();
  await context.close();
  return beeps;
}

/**
 * @param {string} id a tile's
 * @param {number} durationMs
 */
export async function record(id, durationMs) {
  const { readFrameStrip } = await import(new URL('frame-strip.js', location.href).href);
  const { video } = window.kvs.tile(id);
  const [picture] = video.srcObject.getVideoTracks();
  const [sound] = video.srcObject.getAudioTracks();
  const until = performance.now() + durationMs;
  const [decoded, shown, beeps] = await Promise.all([
    recordDecoded(picture, readFrameStrip, until),
    recordShown(video, readFrameStrip, until),
    sound ? recordBeeps(sound, until) : [],
  ]);
  return { decoded, shown, beeps };
}
