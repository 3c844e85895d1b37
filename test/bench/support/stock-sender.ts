/**
 * The yardstick: stock werift as its users send, one track whose `writeRtp` feeds all peers. Payloads are cut once,
 * before the clock runs.
 *   node stock-sender.ts ANNEX_B FPS on|off      transport-cc
 */
import { randomBytes } from 'node:crypto';
import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RtpHeader,
  RtpPacket,
  useNACK,
  usePLI,
  useSdesMid,
  useTransportWideCC,
  useTWCC,
} from 'werift';
import { packetize } from '../../../src/rtp/packetizer.ts';
import { everyFrame } from './frame-clock.ts';
import { send } from './ipc.ts';
import { readAccessUnits } from './media-file.ts';

const [annexBPath = '', fpsText = '30', transportCcText = 'on'] = process.argv.slice(2);
const fps = Number(fpsText);
const transportCc = transportCcText === 'on';
const AUDIO_FPS = 50;
const AUDIO_BYTES = 80;

const frames = readAccessUnits(annexBPath).map((unit) => {
  const { data, count, starts, lengths } = packetize('h264', unit);
  return Array.from({ length: count }, (_, i) =>
    data.subarray(starts[i], (starts[i] ?? 0) + (lengths[i] ?? 0)),
  );
});
const video = new MediaStreamTrack({ kind: 'video' });
const audio = new MediaStreamTrack({ kind: 'audio' });
const peers: RTCPeerConnection[] = [];

async function answer(sdp: string): Promise<string> {
  const feedback = [useNACK(), usePLI(), ...(transportCc ? [useTWCC()] : [])];
  const extensions = [useSdesMid(), ...(transportCc ? [useTransportWideCC()] : [])];
  const peer = new RTCPeerConnection({
    iceServers: [],
    bundlePolicy: 'max-bundle',
    codecs: {
      video: [
        new RTCRtpCodecParameters({
          mimeType: 'video/H264',
          clockRate: 90_000,
          rtcpFeedback: feedback,
          parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
        }),
      ],
      audio: [
        new RTCRtpCodecParameters({
          mimeType: 'audio/OPUS',
          clockRate: 48_000,
          channels: 2,
          rtcpFeedback: transportCc ? [useTWCC()] : [],
        }),
      ],
    },
    headerExtensions: { video: extensions, audio: extensions },
  });
  peers.push(peer);
  peer.addTransceiver(video, { direction: 'sendonly' });
  peer.addTransceiver(audio, { direction: 'sendonly' });
  await peer.setRemoteDescription({ type: 'offer', sdp });
  await peer.setLocalDescription(await peer.createAnswer());
  return peer.localDescription?.sdp ?? '';
}

function writeTo(track: MediaStreamTrack) {
  let sequenceNumber = 0;
  return (payload: Buffer, timestamp: number, marker: boolean) => {
    sequenceNumber = (sequenceNumber + 1) & 0xffff;
    const header = new RtpHeader({
      sequenceNumber,
      timestamp: timestamp >>> 0,
      marker,
      payloadType: 96,
      ssrc: 1,
    });
    track.writeRtp(new RtpPacket(header, payload));
  };
}

const writeVideo = writeTo(video);
everyFrame(fps, (number) => {
  const payloads = frames[number % frames.length] ?? [];
  payloads.forEach((payload, i) =>
    writeVideo(payload, Math.round((number * 90_000) / fps), i === payloads.length - 1),
  );
});
const writeAudio = writeTo(audio);
everyFrame(AUDIO_FPS, (number) => writeAudio(randomBytes(AUDIO_BYTES), number * 960, false));

process.on('message', ({ call, request }: { call: number; request: { offer: string } }) => {
  answer(request.offer).then(
    (sdp) => send({ call, answer: sdp }),
    (error: unknown) => send({ call, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
