/** What AWS's test page has plotted in the end: of master and viewer, start and end of each step, epoch milliseconds. */
export interface PlottedSteps {
  master: Record<string, { startTime: number; endTime: number }>;
  /** Messages that came, in order: which field told what each was. */
  received: string[];
}

/** What is used of the browser's objects; the tests have no DOM types. */
interface PageChannel {
  addEventListener(type: 'open' | 'message', listener: (event: { data: string }) => void): void;
  send(data: string): void;
  close(): void;
}
declare const kvs: {
  tile(id: string): { viewer: { peer: { createDataChannel(label: string): PageChannel } } };
};

/**
 * Runs in the page: the viewer's side of the profiling of AWS's test page, message by message, as `examples/viewer.js` of
 * amazon-kinesis-video-streams-webrtc-sdk-js does it with "enable profiling" on. Timestamps are texts, empty until they are
 * known; the page sends back what it got, with its next one filled in.
 */
export function profileInPage(id: string): Promise<PlottedSteps> {
  const channel = kvs.tile(id).viewer.peer.createDataChannel('kvsDataChannel');
  const received: string[] = [];
  const master: PlottedSteps['master'] = {};
  return new Promise((resolve) => {
    channel.addEventListener('open', () => {
      channel.send(
        JSON.stringify({
          content: 'Opened data channel by viewer',
          firstMessageFromViewerTs: Date.now().toString(),
          firstMessageFromMasterTs: '',
          secondMessageFromViewerTs: '',
          secondMessageFromMasterTs: '',
          lastMessageFromViewerTs: '',
        }),
      );
    });
    channel.addEventListener('message', ({ data }) => {
      const message: Record<string, string | number> = JSON.parse(data);
      const step = (name: string, start: string, end: string) => {
        master[name] = { startTime: Number(message[start]), endTime: Number(message[end]) };
      };
      const own = (name: string, field = name) => step(name, `${field}StartTime`, `${field}EndTime`);
      if ('firstMessageFromViewerTs' in message) {
        received.push('latency');
        if (message['secondMessageFromViewerTs'] === '')
          message['secondMessageFromViewerTs'] = Date.now().toString();
        else if (message['lastMessageFromViewerTs'] === '') {
          message['lastMessageFromViewerTs'] = Date.now().toString();
          step('dataChannel', 'firstMessageFromMasterTs', 'secondMessageFromMasterTs');
        }
        message['content'] = 'Message from JS viewer';
        channel.send(JSON.stringify(message));
      } else if ('peerConnectionStartTime' in message) {
        received.push('peerConnection');
        own('peerConnection');
      } else if ('signalingStartTime' in message) {
        received.push('signaling');
        own('signaling');
        step('offAnswerTime', 'offerReceiptTime', 'sendAnswerTime');
        own('describeChannel');
        own('channelEndpoint', 'getSignalingChannelEndpoint');
        own('iceServerConfig', 'getIceServerConfig');
        own('getToken');
        own('createChannel');
        own('connectAsMaster', 'connect');
      } else if ('candidateGatheringStartTime' in message) {
        received.push('candidateGathering');
        own('iceGathering', 'candidateGathering');
      }
      if (received.length < 5) return;
      channel.close();
      resolve({ master, received });
    });
  });
}
