import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { CameraSlot } from '../../../src/camera/camera-slot.ts';
import { Camera } from '../../../src/camera/camera.ts';
import type { CameraConfig } from '../../../src/config/config.ts';
import type { Log } from '../../../src/log.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { cameraConfig } from '../../unit/camera/support/camera-config.ts';
import { SMALL } from './support/camera-rig.ts';
import { childPids } from './support/processes.ts';

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

function createCamera(config: CameraConfig): Camera {
  return new Camera({
    name: 'front',
    config,
    ffmpegPath: 'ffmpeg',
    clock: systemClock,
    random: systemRandom,
    log: SILENT,
  });
}

test('a camera that is disabled while it is watched is closed, and opened again when it is enabled', async () => {
  const pictures = new EventTarget();
  const config = cameraConfig({ type: 'test' }, { prewarm: true, video: { renditions: SMALL } });
  const onUnit = (track: string) => void (track === 'high' && pictures.dispatchEvent(new Event('picture')));
  const slot = new CameraSlot(config, createCamera, onUnit, () => {});
  const stop = new AbortController();
  const ended = slot.run(stop.signal);
  after(() => (stop.abort(), ended));
  const viewer = slot.acquire();
  await once(pictures, 'picture');
  assert.equal(childPids('ffmpeg').length, 1);

  await slot.replace({ ...config, enabled: false });
  assert.deepEqual(childPids('ffmpeg'), [], 'the device is closed');
  assert.equal(slot.status().state, 'off');
  slot.acquire();
  assert.equal(slot.status().state, 'off', 'another viewer does not open it');

  await slot.replace(config);
  await once(pictures, 'picture');
  viewer.release();
});
