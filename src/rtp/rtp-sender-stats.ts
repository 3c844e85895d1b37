/** Counters since the sender was made, and the latest measurements. */
export interface RtpSenderStats {
  /** New and repeated packets, with RTX. */
  packets: number;
  /** Without headers and SRTP. */
  payloadBytes: number;
  /** Live and replayed frames. */
  frames: number;
  /** Wall clock of the last frame, epoch milliseconds; undefined before the first. */
  lastFrameAtMs: number | undefined;
  /** Monotonic clock of the first frame, milliseconds; of video it is a key frame. */
  firstFrameAtMs: number | undefined;
  /** GOP replays: at the start, for lost pictures, for changes of rendition. */
  replays: number;
  /** Frames left out because the link could not carry them. */
  skippedFrames: number;
  retransmittedPackets: number;
  retransmittedBytes: number;
  /** Packets that the viewer asked for again. */
  nackedPackets: number;
  /** Packets that are not kept any more when they are asked for, or whose repetitions got lost again and again. */
  unrepairablePackets: number;
  pictureLosses: number;
  fullIntraRequests: number;
  /** Packets that the transport refused. */
  sendErrors: number;
  /** New packets up to the last one that the viewer has reported on. */
  reportedPackets: number;
  /** Of these, packets that it missed, whether they were repaired later or not. */
  lostPackets: number;
  /** From the viewer's last report; undefined before it. */
  roundTripMs: number | undefined;
  jitterMs: number | undefined;
  /** How much later the viewer is asked to show the picture, so that repairs are in time; 0 where it is not. */
  playoutDelayMs: number;
}
