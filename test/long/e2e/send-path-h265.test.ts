import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SrtpReceiver } from '../../../src/rtp/srtp-receiver.ts';
import { AgentSite } from '../../bench/support/agent-site.ts';
import { LightViewer } from '../../bench/support/light-viewer.ts';
import { depacketize } from '../../support/rtp-depacketizer.ts';
import { parseRtp, type RtpPacket } from '../../support/rtp-packet.ts';

const run = promisify(execFile);
const picture = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const FRAMES = 60;

/** Debian's Chromium has no H.265: a receiver puts the frames together, and ffprobe decodes them. */
test('H.265 arrives as it was encoded: ffprobe decodes every frame', async () => {
  const agent = await AgentSite.start({
    cameras: {
      front: {
        source: { type: 'test' },
        video: { codec: 'h265', renditions: { high: picture } },
        audio: { enabled: false },
      },
    },
  });
  const viewer = new LightViewer({ video: 'h265' });
  const folder = mkdtempSync(join(tmpdir(), 'h265-'));
  try {
    const frames = await receive(agent, viewer);
    const path = join(folder, 'received.h265');
    writeFileSync(path, Buffer.concat(frames));
    const entries = 'stream=codec_name,width,height,nb_read_frames';
    const args = ['-loglevel', 'warning', '-count_frames', '-show_entries', entries, '-of', 'json', path];
    const { stdout, stderr } = await run('ffprobe', args);
    const { streams }: { streams: Record<string, unknown>[] } = JSON.parse(stdout);
    assert.deepEqual(streams, [
      { codec_name: 'hevc', width: picture.width, height: picture.height, nb_read_frames: String(FRAMES) },
    ]);
    assert.equal(stderr, '');
  } finally {
    rmSync(folder, { recursive: true });
    await viewer.close();
    await agent.close();
  }
});

/** The first whole frames that a viewer gets, in Annex B. */
async function receive(agent: AgentSite, viewer: LightViewer): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  const encrypted: Buffer[] = [];
  let packets: RtpPacket[] = [];
  const whole = Promise.withResolvers<void>();
  AbortSignal.timeout(20_000).addEventListener('abort', () =>
    whole.reject(new Error(`only ${frames.length} frames came`)),
  );
  let srtp: SrtpReceiver | undefined;
  const take = (datagram: Buffer) => {
    const plain = srtp?.unprotect(datagram);
    assert.ok(plain, 'every packet is authentic');
    const packet = parseRtp(plain);
    packets.push(packet);
    if (!packet.marker || frames.length === FRAMES) return;
    frames.push(
      depacketize(
        'h265',
        packets.map(({ payload }) => payload),
      ),
    );
    packets = [];
    if (frames.length === FRAMES) whole.resolve();
  };
  // Media may overtake the end of the handshake.
  viewer.onPacket = (packet) => (srtp ? take(packet) : encrypted.push(packet));
  await viewer.accept(await agent.answer('front', await viewer.offer()));
  assert.ok(viewer.senderKeys);
  srtp = new SrtpReceiver(viewer.senderKeys);
  for (const packet of encrypted) take(packet);
  await whole.promise;
  return frames;
}
