/** A snapshot as the page got it; times are epoch milliseconds. */
export interface PageSnapshot {
  type: string;
  bytes: number;
  width: number;
  height: number;
  /** From the request to the whole picture. */
  tookMs: number;
  /** Frame number in the snapshot, and in the video when it was asked for. */
  frame: number;
  shownFrame: number;
  /** How old the picture was when it was asked for. */
  ageMs: number;
}

interface Picture {
  readonly width: number;
  readonly height: number;
}
interface StripReader {
  readFrameStrip(picture: object): { frameNumber: number; captureMs: number } | null;
  millisecondsSince(captureMs: number, epochMs: number): number;
}
interface PageBlob {
  readonly type: string;
  readonly size: number;
}
declare const kvs: {
  tile(id: string): {
    viewer: { video: object; control: { snapshot(params: object): Promise<PageBlob> } };
  };
};
declare const createImageBitmap: (blob: PageBlob) => Promise<Picture>;

/** Runs in the page. */
export async function snapshotInPage([id, params, script]: readonly [
  string,
  object,
  string,
]): Promise<PageSnapshot> {
  const strips: StripReader = await import(script);
  const { video, control } = kvs.tile(id).viewer;
  const shown = strips.readFrameStrip(video);
  const askedAt = performance.now();
  const blob = await control.snapshot(params);
  const tookMs = performance.now() - askedAt;
  const picture = await createImageBitmap(blob);
  const strip = strips.readFrameStrip(picture);
  if (!strip || !shown) throw new Error('no frame strip in the picture');
  const { type, size: bytes } = blob;
  const { width, height } = picture;
  const ageMs = strips.millisecondsSince(strip.captureMs, performance.timeOrigin + askedAt);
  const { frameNumber: frame } = strip;
  return { type, bytes, width, height, tookMs, frame, shownFrame: shown.frameNumber, ageMs };
}
