/**
 * The yardstick: stock werift as its users send. ffmpeg cuts the same file into RTP on loopback, and `writeRtp` hands
 * each packet to all peers.
 *   node stock-sender.ts MOVIE on|off      transport-cc
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  useNACK,
  usePLI,
  useSdesMid,
  useTransportWideCC,
  useTWCC,
} from 'werift';
import { answerRequests } from './ipc.ts';

const [moviePath = '', transportCcText = 'on'] = process.argv.slice(2);
const transportCc = transportCcText === 'on';
const PACKET_BYTES = 1200;
/** The default holds a hundred packets; a key frame is as many. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

const video = new MediaStreamTrack({ kind: 'video' });
const audio = new MediaStreamTrack({ kind: 'audio' });
const peers: RTCPeerConnection[] = [];

async function answer(sdp: string): Promise<string> {
  const feedback = transportCc ? [useTWCC()] : [];
  const extensions = [useSdesMid(), ...(transportCc ? [useTransportWideCC()] : [])];
  const peer = new RTCPeerConnection({
    iceServers: [],
    bundlePolicy: 'max-bundle',
    codecs: {
      video: [
        new RTCRtpCodecParameters({
          mimeType: 'video/H264',
          clockRate: 90_000,
          rtcpFeedback: [useNACK(), usePLI(), ...feedback],
          parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
        }),
      ],
      audio: [
        new RTCRtpCodecParameters({
          mimeType: 'audio/OPUS',
          clockRate: 48_000,
          channels: 2,
          rtcpFeedback: feedback,
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

/** A loopback port whose packets go to the track. */
async function receiveFor(track: MediaStreamTrack): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  socket.on('message', (packet) => track.writeRtp(packet));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.address().port;
}

const outputs = (
  await Promise.all(
    (
      [
        ['0:v', video],
        ['0:a', audio],
      ] as const
    ).map(async ([stream, track]) => {
      const url = `rtp://127.0.0.1:${await receiveFor(track)}?pkt_size=${PACKET_BYTES}`;
      return ['-map', stream, '-c', 'copy', '-f', 'rtp', url];
    }),
  )
).flat();
const input = [
  '-hide_banner',
  '-loglevel',
  'error',
  '-nostdin',
  '-re',
  '-stream_loop',
  '-1',
  '-i',
  moviePath,
];
const ffmpeg = spawn('ffmpeg', [...input, ...outputs], { stdio: ['ignore', 'ignore', 'inherit'] });

answerRequests((text) => {
  const { offer }: { offer: string } = JSON.parse(text);
  return answer(offer);
});
process.on('exit', () => ffmpeg.kill());
