import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { StorageTiming } from '../../../src/webrtc/storage-status.ts';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { throttling } from '../../cloud/faults.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { leakedSecrets } from '../signaling/support/master.ts';
import { missingPictures, RecorderRig } from './support/recorder-rig.ts';

/** With minutes shortened to fractions of a second; what is asserted is what was tried and what was reported. */
describe('a storage session and the faults of its service', { timeout: 120_000 }, () => {
  let cloud: LocalCloud;
  let rig: RecorderRig | undefined;
  let channels = 0;
  before(async () => {
    cloud = await startLocalCloud();
    cloud.trust();
    cloud.storage.settings.reportEveryMs = 100;
    // So that the first offer takes as long as the others.
    await new DtlsLoader().load();
  });
  afterEach(async () => {
    await rig?.stop();
    rig = undefined;
    cloud.faults.clear();
    Object.assign(cloud.storage.settings, {
      offersWithheld: 0,
      offerDelayMs: 50,
      offeredKinds: ['video', 'audio'],
    });
  });
  after(() => cloud.close());

  function record(
    timing: Partial<StorageTiming> = {},
    withStream = true,
  ): { rig: RecorderRig; name: string } {
    channels += 1;
    const name = `camera-${channels}`;
    cloud.createChannel(name);
    if (withStream) cloud.context.channels.enableStorage(name);
    rig = new RecorderRig(cloud, name, timing);
    return { rig: rig.start(), name };
  }

  function joins(resource: string): number[] {
    return cloud.events
      .select('request', { operation: 'JoinStorageSession', resource })
      .map(({ status }) => status);
  }

  test('offers that do not come are asked for again', async () => {
    cloud.storage.settings.offersWithheld = 2;
    const { rig: recorder, name } = record();
    await recorder.until('recording');
    assert.deepEqual(joins(name), [200, 200, 200]);
    assert.match(recorder.reasons.join(), /sent no offer/);
    assert.equal(recorder.joinsMs.length, 3, 'each call is timed');
    assert.equal(recorder.acquired, 1);
  });

  test('an offer that comes after it was given up is taken all the same', async () => {
    cloud.storage.settings.offerDelayMs = 700;
    const { rig: recorder } = record();
    await recorder.until('recording');
    assert.ok(recorder.session.counters.joins <= 3);
  });

  test('a session that does not connect in time is given up for another', async () => {
    cloud.storage.settings.answersIgnored = 1;
    const { rig: recorder, name } = record({ connectMs: 700 });
    await recorder.until('recording');
    assert.deepEqual(joins(name), [200, 200]);
    assert.match(recorder.reasons.join(), /could not be reached within 700 ms/);
  });

  test('after five failures it is tried slowly, for ever, and the camera may rest meanwhile', async () => {
    cloud.storage.settings.offersWithheld = 7;
    const { rig: recorder, name } = record();
    await recorder.until('failed');
    assert.equal(joins(name).length, 5);
    assert.match(recorder.session.status.reason, /sent no offer/);
    assert.equal(recorder.acquired, 0);
    await recorder.until('recording');
    assert.equal(joins(name).length, 8);
  });

  test('429 and 500 are tried again, by itself each, and no sooner than the service says', async () => {
    cloud.faults.add('JoinStorageSession', throttling(1, 1));
    cloud.faults.add('JoinStorageSession', {
      kind: 'error',
      status: 500,
      errorType: 'InternalFailure',
      times: 2,
    });
    const startedAt = performance.now();
    const { rig: recorder, name } = record();
    await recorder.until('recording');
    assert.deepEqual(joins(name), [429, 500, 500, 200]);
    assert.ok(performance.now() - startedAt > 1_000, 'Retry-After: 1');
    assert.equal(recorder.joinsMs.length, 1, 'only the one that was taken is timed');
  });

  test('403 is reported and tried slowly', async () => {
    cloud.faults.add('JoinStorageSession', {
      kind: 'error',
      status: 403,
      errorType: 'AccessDeniedException',
      message: 'not authorized to perform: kinesisvideo:JoinStorageSession',
    });
    const { rig: recorder, name } = record();
    await recorder.until('failed');
    assert.deepEqual(joins(name), [403]);
    assert.match(recorder.session.status.reason, /403 AccessDeniedException .*JoinStorageSession/);
    cloud.faults.clear();
    await recorder.until('recording');
    assert.deepEqual(joins(name), [403, 200]);
  });

  test('a channel without a stream is reported with its cure, and recorded once it has one', async () => {
    const { rig: recorder, name } = record({}, false);
    await recorder.until('failed');
    assert.match(recorder.session.status.reason, /has no stream to record into: run ".*setup-storage/);
    assert.deepEqual(joins(name), []);
    cloud.context.channels.enableStorage(name);
    await recorder.until('recording');
  });

  test('an offer that does not want sound is no session', async () => {
    cloud.storage.settings.offeredKinds = ['video'];
    const { rig: recorder } = record();
    await recorder.until('failed');
    assert.match(recorder.session.status.reason, /cannot be used: it has no audio/);
  });

  test('a session that the service ends, or that dies without a word, is followed by one that has no gap', async () => {
    const { rig: recorder, name } = record();
    await recorder.until('recording');
    await cloud.storage.media(name).more('video', 25);
    cloud.storage.peers(name)[0]?.close();
    await cloud.storage.connected(name, 2);
    await cloud.storage.media(name).more('video', 50);
    cloud.storage.peers(name)[0]?.vanish();
    await cloud.storage.connected(name, 3, 30_000);
    assert.equal(recorder.session.counters.losses, 1);
    // This one ends while it catches up with what its predecessor did not get.
    await cloud.storage.media(name).more('video', 15);
    cloud.storage.peers(name)[0]?.close();
    await cloud.storage.connected(name, 4);
    await cloud.storage.media(name).more('video', 25);
    assert.deepEqual(missingPictures(cloud.storage.media(name)), []);
    assert.deepEqual(recorder.gaps, []);
  });

  test('a camera that gives no picture is not recorded, and is again when it does', async () => {
    const { rig: recorder } = record({ pictureMs: 300 });
    await recorder.until('recording');
    recorder.hasPicture = false;
    await recorder.until('no-picture');
    assert.match(recorder.session.status.reason, /the camera gives no picture/);
    recorder.hasPicture = true;
    await recorder.until('recording');
    assert.equal(recorder.session.counters.sessions, 1);
  });

  test('no secret is told', () => {
    assert.deepEqual(leakedSecrets(), []);
  });
});
