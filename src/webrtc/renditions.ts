import type { MediaStream } from '../rtp/media-stream.ts';

/** One quality in which a camera's picture can be had. */
export interface Rendition {
  readonly name: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly bitrateKbps: number;
}

/** Keeps one rendition in production until released (idempotent). */
export interface RenditionLease {
  /** Empty, without a GOP, until the rendition runs; a sender that changes to it goes on with what it has until then. */
  readonly stream: MediaStream;
  release(): void;
}

/** The renditions of one camera, as its viewers choose among them. */
export interface Renditions {
  /** Best first, never empty; as of now, the same list until it changes. */
  list(): readonly Rendition[];
  /** Fails for a name that is not in the list. All leases of a name share one stream. */
  lease(name: string): RenditionLease;
  /** Told after the list has changed; a stream whose name is gone gets no more frames. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}
