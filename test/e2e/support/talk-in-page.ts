/** What is used of the browser's objects; the tests have no DOM types. */
interface Analyser {
  fftSize: number;
  getFloatTimeDomainData(samples: Float32Array): void;
}
interface AudioNode {
  connect(node: unknown): void;
}
interface Stream {
  getAudioTracks(): object[];
}
declare const kvs: {
  tile(id: string): { viewer: { canTalk: boolean; talk(track: object | null): Promise<void> } };
};
declare const navigator: { mediaDevices: { getUserMedia(constraints: object): Promise<Stream> } };
declare class AudioContext {
  createMediaStreamSource(stream: Stream): AudioNode;
  createAnalyser(): Analyser & AudioNode;
  createOscillator(): AudioNode & { frequency: { value: number }; start(): void };
  createMediaStreamDestination(): { stream: Stream };
}

/** Runs in the page: says what the microphone hears for so long; resolves to when sounds began, in epoch milliseconds. */
export async function speakInPage([id, durationMs]: readonly [string, number]): Promise<number[]> {
  const { viewer } = kvs.tile(id);
  if (!viewer.canTalk) throw new Error('this viewer may not talk');
  // The tone as it is: browsers take a steady one for noise.
  const processing = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: processing });
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 256;
  context.createMediaStreamSource(stream).connect(analyser);
  await viewer.talk(stream.getAudioTracks()[0] ?? null);
  const onsets: number[] = [];
  const samples = new Float32Array(256);
  let loudAt = -Infinity;
  for (const until = performance.now() + durationMs; performance.now() < until;) {
    analyser.getFloatTimeDomainData(samples);
    const now = performance.now();
    if (samples.some((sample) => Math.abs(sample) > 0.1)) {
      if (now - loudAt > 300) onsets.push(performance.timeOrigin + now);
      loudAt = now;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
  await viewer.talk(null);
  return onsets;
}

/** Runs in the page: a steady tone instead of the microphone, from now on. */
export async function hum([id, frequencyHz]: readonly [string, number]): Promise<void> {
  const context = new AudioContext();
  const oscillator = context.createOscillator();
  const destination = context.createMediaStreamDestination();
  oscillator.frequency.value = frequencyHz;
  oscillator.connect(destination);
  oscillator.start();
  await kvs.tile(id).viewer.talk(destination.stream.getAudioTracks()[0] ?? null);
}
