/** RTCP packet types (RFC 3550 section 12.1, RFC 4585 section 6.1). */
export const SENDER_REPORT = 200;
export const RECEIVER_REPORT = 201;
export const SOURCE_DESCRIPTION = 202;
export const GOODBYE = 203;
export const TRANSPORT_FEEDBACK = 205;
export const PAYLOAD_FEEDBACK = 206;

/** One report block of a receiver or sender report (RFC 3550 section 6.4.1). */
export interface ReportBlock {
  /** The source that is reported on. */
  ssrc: number;
  /** Packets lost since the last report, in 1/256. */
  fractionLost: number;
  /** Packets lost since the start; negative with duplicates. */
  cumulativeLost: number;
  /** Rollovers · 2¹⁶ + highest sequence number received. */
  highestSequence: number;
  /** In units of the media clock. */
  jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report; 0 before the first. */
  lastSenderReport: number;
  /** Since that report arrived, in 1/65536 s. */
  delaySinceLastSenderReport: number;
}

/** Arrival of a packet that was not received. */
export const NOT_RECEIVED = -0x8000_0000;

/** Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). */
export interface TransportFeedback {
  senderSsrc: number;
  mediaSsrc: number;
  /** Sequence number of the first packet. */
  baseSequence: number;
  /** Packets reported on, from `baseSequence` on. */
  count: number;
  /** In 64 ms; 24 bits, signed. */
  referenceTime: number;
  feedbackCount: number;
  /** Arrival of each packet after `referenceTime`, in 250 µs, or NOT_RECEIVED. Only `count` entries count. */
  arrivals: Int32Array;
}

/**
 * Told what a compound packet holds, in its order. Objects handed over are used again for the next call: copy what
 * is to be kept.
 */
export interface RtcpHandler {
  onSenderReport?(ssrc: number, ntpTime: bigint, rtpTimestamp: number): void;
  onReportBlock?(senderSsrc: number, block: ReportBlock): void;
  onGoodbye?(ssrc: number): void;
  /** Generic NACK (RFC 4585 section 6.2.1): `packetId` and those of the 16 packets after it whose bit is set. */
  onNack?(mediaSsrc: number, packetId: number, lostAfter: number): void;
  onPictureLoss?(mediaSsrc: number): void;
  /** Full intra request (RFC 5104 section 4.3.1). */
  onFullIntraRequest?(mediaSsrc: number, sequence: number): void;
  /** draft-alvestrand-rmcat-remb-03. */
  onReceiverEstimate?(bitsPerSecond: number): void;
  onTransportFeedback?(feedback: TransportFeedback): void;
}
