import type { IceCandidate, SignalingFault } from './messages.ts';

/** What a master listens to. `clientId` is empty for the storage service. */
export interface SignalingHandler {
  /** The same offer may come twice around a renewal, and late after an outage. */
  onOffer(clientId: string, sdp: string): void;
  /** May come before its offer. */
  onCandidate(clientId: string, candidate: IceCandidate): void;
  /** An answer could not be delivered: the viewer has gone, most likely. */
  onSendFailed?(clientId: string, reason: string): void;
  onStatus?(status: SignalingStatus): void;
}

/** `fighting`: another master takes the channel again and again, whether this one is connected right now or not. */
export type SignalingState = 'connecting' | 'connected' | 'disconnected' | 'fighting';

export interface SignalingStatus {
  state: SignalingState;
  /** A viewer's offer would arrive now. */
  connected: boolean;
  /** When the state began, epoch milliseconds. */
  since: number;
  /** Why it is not plainly `connected`; else empty. */
  reason: string;
  /** The service's clock minus the device's, as far as known; corrected for. */
  clockOffsetMs: number;
}

export interface SignalingCounters {
  connects: number;
  /** Sessions replaced by us, ahead of their end. */
  renewals: number;
  offers: number;
  /** Dropped frames by fault. */
  faults: Partial<Record<SignalingFault, number>>;
  /** Answers and candidates that found no open session, or a full queue. */
  undeliverable: number;
  /** Answers the service could not deliver. */
  sendFailures: number;
}
