/** Milliseconds since the offer came, by stage; what has not happened is missing. */
export interface SessionTimeline {
  hostGathered?: number;
  answered?: number;
  /** The first server-reflexive, the first relayed candidate. */
  reflexiveFound?: number;
  relayFound?: number;
  iceConnected?: number;
  dtlsConnected?: number;
  /** Of picture or sound. */
  firstFrame?: number;
  firstKeyframe?: number;
}
