import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { startSite, type Site } from '../../cloud/site.ts';
import { connect, type SignalingClient } from '../../integration/cloud/support/signaling-client.ts';

const SCRIPT = join(import.meta.dirname, '../../e2e/support/gst-viewer.py');
const picture = { width: 640, height: 360, fps: 15, bitrateKbps: 600 };
const SECONDS = 4;
const TIMEOUT_MS = 30_000;

interface Result {
  video: number;
  audio: number;
  width?: number;
  height?: number;
}

/** What the script says, and what a viewer gets through signaling. */
interface Line extends Partial<Result> {
  offer?: string;
  candidate?: string;
  index?: number;
}

describe('GStreamer webrtcbin', () => {
  let site: Site;

  before(async () => {
    site = await startSite({
      cameras: { front: { source: { type: 'test' }, video: { renditions: { high: picture } } } },
    });
    await site.masterConnected();
  });
  after(() => site.close());

  test('plays H.264 and Opus', async (t) => {
    const channelName = site.channelOf('front');
    const signaling = await connect(site.cloud, 'VIEWER', { channelName, clientId: 'gstreamer' }).opened();
    try {
      const { video, audio, width, height } = await view(signaling);
      t.diagnostic(`${video} pictures and ${audio} buffers of sound decoded in ${SECONDS} s`);
      assert.deepEqual([width, height], [picture.width, picture.height]);
      assert.ok(video >= SECONDS * picture.fps * 0.9, `${video} pictures`);
      assert.ok(audio >= SECONDS * 50 * 0.9, `${audio} buffers of sound`);
    } finally {
      await signaling.close();
    }
  });
});

/** Runs a viewer whose signaling this is; resolves to what it decoded. */
async function view(signaling: SignalingClient): Promise<Result> {
  const viewer = spawn('/usr/bin/python3', [SCRIPT, String(SECONDS)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const tell = (line: object) => viewer.stdin.write(`${JSON.stringify(line)}\n`);
  let told = 0;
  const pass = () => {
    for (const { messageType, payload } of signaling.frames.slice(told)) {
      if (messageType === 'SDP_ANSWER') tell({ answer: text(payload, 'sdp') });
      else if (messageType === 'ICE_CANDIDATE') tell({ candidate: text(payload, 'candidate'), index: 0 });
    }
    told = signaling.frames.length;
  };
  signaling.socket.on('frame', pass);
  const ended = once(viewer, 'exit', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  let result: Result | undefined;
  try {
    createInterface(viewer.stdout).on('line', (json) => {
      const { offer, candidate, index, ...figures }: Line = JSON.parse(json);
      if (offer !== undefined) signaling.send('SDP_OFFER', { type: 'offer', sdp: offer });
      else if (candidate !== undefined)
        signaling.send('ICE_CANDIDATE', { candidate, sdpMid: 'video0', sdpMLineIndex: index });
      else result = { video: 0, audio: 0, ...figures };
    });
    await ended;
  } finally {
    viewer.kill();
  }
  if (!result)
    throw new Error(`the viewer ended without a result; is GStreamer whole? sh test/setup.sh test`);
  return result;
}

function text(payload: unknown, key: string): string {
  if (typeof payload !== 'object' || payload === null) throw new Error(`no ${key} in ${String(payload)}`);
  return String(Reflect.get(payload, key));
}
