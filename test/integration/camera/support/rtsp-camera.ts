import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after } from 'node:test';
import { plant } from '../../../support/run-record.ts';

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** 25 pictures a second, a key frame every four seconds, parameter sets in the SDP only; G.711 sound. */
export const CAMERA_PIPELINE = [
  '( videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1',
  '! x264enc tune=zerolatency key-int-max=100 bitrate=300 option-string=scenecut=0 ! video/x-h264,profile=baseline',
  '! rtph264pay name=pay0 pt=96 config-interval=0',
  'audiotestsrc is-live=true wave=ticks ! alawenc ! rtppcmapay name=pay1 pt=8 )',
].join(' ');

export interface RtspCameraOptions {
  port: number;
  pipeline?: string;
  login?: { user: string; password: string };
  /** Words before the program, e.g. to run it in a network namespace. */
  prefix?: readonly string[];
}

/** Starts an IP camera; resolves when it listens. */
export async function startRtspCamera(options: RtspCameraOptions): Promise<{ kill(): Promise<void> }> {
  const { port, pipeline = CAMERA_PIPELINE, login, prefix = [] } = options;
  const script = join(import.meta.dirname, 'rtsp-server.py');
  const credentials = login ? [login.user, login.password] : [];
  if (login) plant(login.password);
  const [program = '', ...args] = [
    ...prefix,
    '/usr/bin/python3',
    script,
    String(port),
    pipeline,
    ...credentials,
  ];
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  after(kill);
  const started = child.stdout ? once(child.stdout, 'data') : Promise.reject(new Error('no output'));
  await Promise.race([
    started,
    ended.then(() => {
      throw new Error('the RTSP server ended; does it have gir1.2-gst-rtsp-server-1.0 and python3-gi?');
    }),
  ]);
  return { kill };
}
