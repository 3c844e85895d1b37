import type { Log } from './log.ts';
import type { Recording } from './recording.ts';
import type { SignalingHandler } from './signaling/signaling-status.ts';
import type { Master } from './webrtc/master.ts';

/** Who gets what comes over a channel's signaling: frames without a client id are the storage side's. */
export function routeSignaling(master: Master, recording: Recording | undefined, log: Log): SignalingHandler {
  const session = recording?.session;
  return {
    onOffer: (clientId, sdp) => {
      if (clientId !== '') master.onOffer(clientId, sdp);
      else if (session) session.onOffer(sdp);
      else log.warn({}, 'a storage session is offered, but recording is off (storage.enabled)');
    },
    onCandidate: (clientId, { candidate }) => {
      if (clientId !== '') master.onCandidate(clientId, candidate);
      else session?.onCandidate(candidate);
    },
    onSendFailed: (clientId, reason) => {
      log.debug({ clientId, reason }, 'a message did not reach the viewer');
      if (clientId === '') session?.onSendFailed(reason);
    },
    onStatus: () => recording?.signalingChanged(),
  };
}
