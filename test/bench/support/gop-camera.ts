import { startSite, type Site } from '../../cloud/site.ts';

const HD = { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 };

/** A site whose one camera, `front`, runs always. One at a time: two encoders and a decoder that catches up would share two cores. */
export function startGopCamera(gopSeconds: number, rendition: Partial<typeof HD> = {}): Promise<Site> {
  return startSite({
    cameras: {
      front: {
        source: { type: 'test' },
        prewarm: true,
        video: { keyframeIntervalSeconds: gopSeconds, renditions: { high: { ...HD, ...rendition } } },
      },
    },
  });
}

/** A random phase of the GOP is what is measured over: not a wait for something. */
export function randomPhase(gopSeconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * gopSeconds * 1000));
}
