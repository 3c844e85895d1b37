/**
 * A device that sends speech, to each viewer in the coding that its client id names: the agent's own master and send path.
 * Driven over IPC: an offer is answered.
 *   node sound-sender.ts CODINGS     JSON of SoundCoding[]
 */
import { EventEmitter, once } from 'node:events';
import { SILENT } from '../../../src/log.ts';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import { systemClock as clock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { Master } from '../../../src/webrtc/master.ts';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { PeerTransport } from '../../../src/webrtc/werift/peer-transport.ts';
import { localIce } from '../../support/local-ice.ts';
import { answerRequests } from '../support/ipc.ts';
import type { SenderRequest } from './ladder-sender.ts';
import { prepareSpeech, SOUND_MS, type SoundCoding } from './sound-media.ts';

const CATCH_UP_MS = 4;

const codings: SoundCoding[] = JSON.parse(process.argv[2] ?? '[]');
const dtls = new DtlsLoader();
const ice = localIce({ clock, log: SILENT });
const answers = new EventEmitter();
const picture = { name: 'none', width: 640, height: 360, fps: 30, bitrateKbps: 100 };
const noPicture = new MediaStream({ codec: 'h264', clock });

function createMaster(audio: MediaStream): Master {
  return new Master({
    channelName: 'lab',
    limits: () => ({ max: 1, maxSessionMinutes: 0 }),
    media: {
      streams: {
        video: {
          list: () => [picture],
          lease: () => ({ stream: noPicture, release: () => {} }),
          onChange: () => () => {},
        },
        audio,
      },
      capabilities: () => ({ video: 'h264', audio: 'opus', dataChannel: false, talk: false, twcc: true }),
      acquire: () => ({ release: () => {} }),
    },
    signaling: { sendAnswer: (clientId, sdp) => answers.emit(clientId, sdp), sendCandidate: () => {} },
    createTransport: () => new PeerTransport(dtls, ice),
    iceServers: () => [],
    onChannel: () => {},
    onAudio: () => {},
    onSession: () => () => {},
    clock,
    random: systemRandom,
    log: SILENT,
  });
}

const speakers = await Promise.all(
  codings.map(async (coding) => {
    const stream = new MediaStream({ codec: 'opus', clock });
    return { name: coding.name, packets: await prepareSpeech(coding), stream, master: createMaster(stream) };
  }),
);
await dtls.load();
let sent = 0;
const beganAtMs = performance.now();
const epochMs = Date.now();
setInterval(() => {
  for (; sent * SOUND_MS <= performance.now() - beganAtMs; sent++)
    for (const { packets, stream } of speakers) {
      const data = packets[sent % packets.length]!;
      stream.push({ codec: 'opus', data, captureTimeMs: epochMs + sent * SOUND_MS, keyframe: true });
    }
}, CATCH_UP_MS);

answerRequests(async (text) => {
  const request: SenderRequest = JSON.parse(text);
  if (request.type !== 'offer') throw new Error(`${request.type}: only offers are answered`);
  const { clientId, offer } = request;
  const answered = once(answers, clientId, { signal: AbortSignal.timeout(10_000) });
  speakers.find(({ name }) => name === clientId)?.master.onOffer(clientId, offer);
  const [sdp]: unknown[] = await answered;
  return String(sdp);
});
