/**
 * Runs in the page: watches and listens to a playing video for some seconds, or until it is stopped, and returns what came.
 *
 * - `pictures`: strip and flash of every picture that the track delivered, none skipped, with the time of delivery;
 * - `beeps`: when the 1 kHz beep began to be delivered;
 * - `shown`: pictures as they were displayed, with the time of display (a sample).
 *
 * Pictures and sound are both timed where the browser hands them to screen and speaker (MediaStreamTrackProcessor):
 * what lies behind is the machine's. All times are epoch milliseconds.
 */

import { readFrameStrip, readLuma, readStrip } from './frame-strip.js';

const SHOWN_INTERVAL_MS = 200;
const BEEP_HZ = 1000;
/** Least mean power of a sound, and the beep's least share of it. */
const BEEP_MIN_POWER = 1e-4;
const BEEP_SHARE = 0.6;

/** One recording at a time. */
let isStopped = false;
const isOver = (until) => isStopped || performance.now() >= until;

const epochNow = () => performance.timeOrigin + performance.now();

/** True while the white square in the bottom right corner (an eighth of the width) is lit. */
async function isFlash(frame) {
  const inside = Math.floor(frame.codedWidth / 32) * 2;
  const corner = { x: frame.codedWidth - inside, y: frame.codedHeight - inside, width: 2, height: 2 };
  const luma = await readLuma(frame, corner);
  return luma(0, 0) > 200;
}

/** The Goertzel filter: whether most of the sound's power lies at the beep's frequency. */
function isBeep(samples, sampleRate) {
  const coefficient = 2 * Math.cos((2 * Math.PI * BEEP_HZ) / sampleRate);
  let [last, before, power] = [0, 0, 0];
  for (const sample of samples) {
    [last, before] = [sample + coefficient * last - before, last];
    power += sample * sample;
  }
  const tone = (2 * (last * last + before * before - coefficient * last * before)) / samples.length;
  return power / samples.length > BEEP_MIN_POWER && tone > BEEP_SHARE * power;
}

/** Calls `use(data, at)` with everything that a track delivers until `until`. */
async function readTrack(track, until, use) {
  const own = track.clone();
  const processor = new MediaStreamTrackProcessor({ track: own, maxBufferSize: 100 });
  const reader = processor.readable.getReader();
  while (!isOver(until)) {
    const { done, value: data } = await reader.read();
    if (done) break;
    await use(data, epochNow());
    data.close();
  }
  await reader.cancel();
  own.stop();
}

async function recordPictures(track, until) {
  const pictures = [];
  await readTrack(track, until, async (frame, at) => {
    pictures.push({ strip: await readStrip(frame), flash: await isFlash(frame), at });
  });
  return pictures;
}

async function recordBeeps(track, until) {
  const beeps = [];
  let beeping = true;
  await readTrack(track, until, (sound, at) => {
    const samples = new Float32Array(sound.numberOfFrames);
    sound.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    const before = beeping;
    beeping = isBeep(samples, sound.sampleRate);
    if (beeping && !before) beeps.push(at);
  });
  return beeps;
}

async function recordShown(video, until) {
  const shown = [];
  while (!isOver(until)) {
    const { expectedDisplayTime } = await new Promise((resolve) => {
      video.requestVideoFrameCallback((_now, metadata) => resolve(metadata));
    });
    const strip = readFrameStrip(video);
    shown.push({ strip, at: performance.timeOrigin + expectedDisplayTime });
    // A sample is enough, and reading a picture back costs time that the decoder needs.
    await new Promise((resolve) => setTimeout(resolve, SHOWN_INTERVAL_MS));
  }
  return shown;
}

/**
 * @param {string} id a tile's
 * @param {number} durationMs
 */
export async function record(id, durationMs) {
  const { video } = window.kvs.tile(id);
  const [picture] = video.srcObject.getVideoTracks();
  const [sound] = video.srcObject.getAudioTracks();
  isStopped = false;
  const until = performance.now() + durationMs;
  const [pictures, beeps, shown] = await Promise.all([
    recordPictures(picture, until),
    sound ? recordBeeps(sound, until) : [],
    recordShown(video, until),
  ]);
  return { pictures, beeps, shown };
}

/** Ends the recording before its time. */
export function stop() {
  isStopped = true;
}
