/**
 * A device that serves an encoded ladder from files: the agent's own master, sessions and send path, without camera and
 * signaling. Driven over IPC: an offer is answered, `status` tells what each viewer is shown.
 *   node ladder-sender.ts RUNGS [TRACE]     RUNGS: JSON of LadderRung[]; TRACE: where all feedback is recorded
 */
import { EventEmitter, once } from 'node:events';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { SILENT } from '../../../src/log.ts';
import { Master } from '../../../src/webrtc/master.ts';
import type { Renditions } from '../../../src/webrtc/renditions.ts';
import type { ViewerSession } from '../../../src/webrtc/viewer-session.ts';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { PeerTransport } from '../../../src/webrtc/werift/peer-transport.ts';
import { recordFeedback } from '../../support/feedback-trace.ts';
import { localIce } from '../../support/local-ice.ts';
import { readAccessUnits } from '../support/media-file.ts';
import { answerRequests } from '../support/ipc.ts';
import { watchRepairs, type RepairFigures } from './repair-log.ts';
import { FPS, GOP_FRAMES, type LadderRung } from './ladder-media.ts';

/** 20 ms of silence, and as long as speech. */
const SOUND = Buffer.concat([Buffer.from([0xf8, 0xff, 0xfe]), Buffer.alloc(77)]);
const SOUND_MS = 20;
const CATCH_UP_MS = 4;

/** What one viewer is shown at this moment. */
export interface ShownStatus {
  clientId: string;
  rendition: string;
  reach: string;
  estimateKbps: number;
  sentKbps: number;
  use: string;
  skippedFrames: number;
  roundTripMs: number;
  playoutDelayMs: number;
  repairs: RepairFigures;
  stall: Stall;
}

/** The longest time in which the sender's process took no turn, and how much of it it was computing: the rest is the machine's. */
interface Stall {
  ms: number;
  busyMs: number;
}

export type SenderRequest = { type: 'offer'; clientId: string; offer: string } | { type: 'status' };

const tracePath = process.argv[3];
if (tracePath !== undefined) process.on('exit', recordFeedback(tracePath));
const repairs = watchRepairs();
const rungs: LadderRung[] = JSON.parse(process.argv[2] ?? '[]');
const clock = systemClock;
const audio = new MediaStream({ codec: 'opus', clock });
const renditions = rungs.map((rung) => ({
  ...rung,
  fps: FPS,
  bitrateKbps: rung.kbps,
  units: readAccessUnits(rung.path),
  stream: new MediaStream({ codec: 'h264', clock }),
}));
const ladder: Renditions = {
  list: () => renditions,
  lease: (name) => ({ stream: renditions.find((rung) => rung.name === name)!.stream, release: () => {} }),
  onChange: () => () => {},
};
const dtls = new DtlsLoader();
const ice = localIce({ clock, log: SILENT });
const answers = new EventEmitter();
const sessions = new Map<string, ViewerSession>();

const master = new Master({
  channelName: 'lab',
  limits: () => ({ max: 10, maxSessionMinutes: 0 }),
  media: {
    streams: { video: ladder, audio },
    capabilities: () => ({
      video: 'h264',
      h264ProfileLevelId: '42e01f',
      audio: 'opus',
      dataChannel: false,
      talk: false,
      twcc: true,
    }),
    acquire: () => ({ release: () => {} }),
  },
  signaling: { sendAnswer: (clientId, sdp) => answers.emit(clientId, sdp), sendCandidate: () => {} },
  createTransport: () => new PeerTransport(dtls, ice),
  iceServers: () => [],
  onChannel: () => {},
  onAudio: () => {},
  onSession: (session) => {
    sessions.set(session.clientId, session);
    return () => sessions.delete(session.clientId);
  },
  clock,
  random: systemRandom,
  log: SILENT,
});

/** Frames by the clock, however late the timer: the file is the camera. */
let frames = 0;
let sounds = 0;
const beganAtMs = performance.now();
const epochMs = Date.now();
let stall: Stall = { ms: 0, busyMs: 0 };
let turnAtMs = beganAtMs;
let usage = process.cpuUsage();
setInterval(() => {
  watchForStall();
  const elapsedMs = performance.now() - beganAtMs;
  for (; sounds * SOUND_MS <= elapsedMs; sounds++)
    audio.push({ codec: 'opus', data: SOUND, captureTimeMs: epochMs + sounds * SOUND_MS, keyframe: true });
  for (; (frames * 1000) / FPS <= elapsedMs; frames++) {
    const captureTimeMs = epochMs + (frames * 1000) / FPS;
    for (const { units, stream } of renditions) {
      const at = frames % units.length;
      stream.push({ codec: 'h264', data: units[at]!, captureTimeMs, keyframe: at % GOP_FRAMES === 0 });
    }
  }
}, CATCH_UP_MS);

function watchForStall(): void {
  const ms = performance.now() - turnAtMs;
  const { user, system } = process.cpuUsage(usage);
  if (ms > stall.ms) stall = { ms, busyMs: (user + system) / 1000 };
  turnAtMs += ms;
  usage = process.cpuUsage();
}

function status(): ShownStatus[] {
  return [...sessions].map(([clientId, session]) => {
    const { picture } = session;
    const video = session.senders.find(({ stream }) => stream.isVideo)?.stats();
    return {
      clientId,
      rendition: picture?.name ?? '',
      reach: picture?.reach ?? '',
      estimateKbps: Math.round(picture?.estimate?.kbps ?? 0),
      sentKbps: Math.round(picture?.estimate?.sentKbps ?? 0),
      use: picture?.estimate?.use ?? '',
      skippedFrames: session.stats().reduce((sum, { skippedFrames }) => sum + skippedFrames, 0),
      roundTripMs: Math.round(video?.roundTripMs ?? 0),
      playoutDelayMs: video?.playoutDelayMs ?? 0,
      repairs: repairs(),
      stall,
    };
  });
}

async function answer(clientId: string, offer: string): Promise<string> {
  // What went before is the start of this program.
  if (sessions.size === 0) stall = { ms: 0, busyMs: 0 };
  const answered = once(answers, clientId, { signal: AbortSignal.timeout(10_000) });
  master.onOffer(clientId, offer);
  const [sdp]: unknown[] = await answered;
  return String(sdp);
}

await dtls.load();
answerRequests(async (text) => {
  const request: SenderRequest = JSON.parse(text);
  return request.type === 'offer' ? answer(request.clientId, request.offer) : status();
});
