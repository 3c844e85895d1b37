import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setInterval as every } from 'node:timers/promises';
import { Talkback, type TalkOutput } from '../../../src/control/talkback.ts';
import type { SpokenPacket } from '../../../src/control/speaker.ts';
import { createLog } from '../../../src/log.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { secondsOf } from '../../support/tone.ts';

const FRAME_MS = 20;
const SECONDS = 2;
const OPUS_HZ = 1_000;
const PCMU_HZ = 1_700;

const folder = mkdtempSync(join(tmpdir(), 'talkback-'));
after(() => rmSync(folder, { recursive: true }));

function ffmpeg(...args: string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('ffmpeg', ['-loglevel', 'error', ...args]);
  assert.equal(status, 0, String(stderr));
  return stdout;
}

function sine(frequencyHz: number): string[] {
  return [
    '-f',
    'lavfi',
    '-i',
    `sine=frequency=${frequencyHz}:sample_rate=48000:duration=${SECONDS},volume=4`,
  ];
}

/** The packets of a tone, 20 ms each. */
function opus(frequencyHz: number): Buffer[] {
  const ogg = ffmpeg(...sine(frequencyHz), '-c:a', 'libopus', '-page_duration', '20000', '-f', 'ogg', '-');
  const packets: Buffer[] = [];
  for (let at = 0; at < ogg.length;) {
    const segments = ogg.readUInt8(at + 26);
    const bytes = ogg.subarray(at + 27, at + 27 + segments).reduce((sum, one) => sum + one, 0);
    packets.push(ogg.subarray(at + 27 + segments, at + 27 + segments + bytes));
    at += 27 + segments + bytes;
  }
  // Behind the two pages of headers.
  return packets.slice(2);
}

function pcmu(frequencyHz: number): Buffer[] {
  const codes = ffmpeg(...sine(frequencyHz), '-ar', '8000', '-c:a', 'pcm_mulaw', '-f', 'mulaw', '-');
  return Array.from({ length: codes.length / 160 }, (_, i) => codes.subarray(160 * i, 160 * (i + 1)));
}

function talkbackTo(output: Partial<TalkOutput>, mode: 'mixed' | 'one' = 'one'): Talkback {
  return new Talkback({
    output: { command: [], file: '', device: '', ...output },
    mode,
    ffmpeg: { path: 'ffmpeg', nice: 0 },
    clock: systemClock,
    random: systemRandom,
    log: createLog('error'),
  });
}

/** Speaks as a viewer does: a packet each 20 ms, some of them out of order, some lost. */
async function speak(
  talkback: Talkback,
  voices: Array<{ codec: string; payloads: Buffer[] }>,
  seconds = SECONDS,
): Promise<void> {
  const viewers = voices.map(() => ({}));
  let index = 0;
  for await (const _ of every(FRAME_MS)) {
    voices.forEach(({ codec, payloads }, i) => {
      // Each tenth and its neighbour change places; each thirtieth is lost.
      const sequence = index % 10 === 4 ? index + 1 : index % 10 === 5 ? index - 1 : index;
      const payload = sequence % 30 === 29 ? undefined : payloads[sequence];
      const packet: SpokenPacket | undefined = payload && {
        codec,
        sequence: (65_500 + sequence) & 0xffff,
        payload,
      };
      if (packet) talkback.receive(viewers[i]!, packet);
    });
    index += 1;
    if (index * FRAME_MS >= seconds * 1_000) break;
  }
}

for (const mode of ['mixed', 'one'] as const) {
  test(`Opus and G.711 at once, ${mode === 'one' ? 'one at a time' : 'mixed'}`, async (t) => {
    const file = join(folder, `${mode}.wav`);
    const talkback = talkbackTo({ file, device: 'none' }, mode);
    await speak(talkback, [
      { codec: 'opus', payloads: opus(OPUS_HZ) },
      { codec: 'pcmu', payloads: pcmu(PCMU_HZ) },
    ]);
    await talkback.close();
    const [first = 0, second = 0] = secondsOf(file, [OPUS_HZ, PCMU_HZ]);
    t.diagnostic(`seconds of the first ${first}, of the second ${second}`);
    assert.ok(first > SECONDS - 0.6, `${first} s of the first viewer`);
    if (mode === 'one') assert.equal(second, 0);
    else assert.ok(second > SECONDS - 0.6, `${second} s of the second viewer`);
  });
}

test('a loudspeaker that cannot be used costs nothing else', async () => {
  const talkback = talkbackTo({ command: ['/nonexistent/program'] });
  await speak(talkback, [{ codec: 'pcmu', payloads: pcmu(PCMU_HZ) }], 0.6);
  await talkback.close();
});

test('a loudspeaker program that dies while somebody speaks is started again', async (t) => {
  const heard = join(folder, 'heard');
  const died = join(folder, 'died');
  const script = 'if [ -e "$1" ]; then exec cat > "$2"; fi; touch "$1"; head -c 20000 > /dev/null; exit 1';
  const talkback = talkbackTo({ command: ['sh', '-c', script, 'sh', died, heard] });
  await speak(talkback, [{ codec: 'pcmu', payloads: pcmu(PCMU_HZ) }], 1.5);
  await talkback.close();
  const seconds = statSync(heard).size / 2 / 48_000;
  t.diagnostic(`${seconds} s of 1.5 s were heard after the program had died at 0.2 s`);
  assert.ok(seconds > 0.6);
});
