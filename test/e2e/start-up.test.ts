import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AgentProcess } from '../cloud/agent-process.ts';
import { startLocalCloud, type Device, type LocalCloud } from '../cloud/local-cloud.ts';
import { AGENT_BUILDS, agentEntry } from './support/agent-builds.ts';

/** `test/bench/start-up.ts` measures how fast it is; this is about what it does not wait for. */
describe('start-up', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-start-up-'));
  const ffmpegPath = join(folder, 'ffmpeg');
  const pids = join(folder, 'pids');
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  let cloud: LocalCloud;
  let device: Device;

  before(async () => {
    writeFileSync(ffmpegPath, `#!/bin/sh\necho $$ >>${pids}\nexec sleep 60\n`, { mode: 0o755 });
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    cloud = await startLocalCloud();
    device = await cloud.createDevice('starting-device');
  });
  after(async () => {
    await cloud.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
    rmSync(folder, { recursive: true });
  });

  for (const build of AGENT_BUILDS) {
    test(`the agent's ${build} is master while ffmpeg and the MQTT broker have not said a word`, async (t) => {
      const channelName = `starting-${AGENT_BUILDS.indexOf(build)}`;
      cloud.createChannel(channelName);
      const address = silent.address();
      assert.ok(address && typeof address === 'object');
      const signal = AbortSignal.timeout(20_000);
      const asked = [
        once(silent, 'connection', { signal }),
        once(watch(folder, { signal, persistent: false }), 'change'),
      ];
      const agent = new AgentProcess({
        entry: agentEntry(build),
        config: cloud.agentConfig(device, {
          ffmpeg: { path: ffmpegPath },
          mqtt: { transport: 'direct', endpoint: `127.0.0.1:${address.port}` },
          cameras: { front: { channelName, prewarm: true, source: { type: 'test' } } },
        }),
        folder: cloud.directory,
        environment: cloud.agentEnvironment(),
      });
      const { at } = await cloud.events.waitFor('connected', { role: 'MASTER', channelName });
      t.diagnostic(`start to connected master: ${at - agent.startedAt} ms`);
      await Promise.all(asked);
      const { code, tookMs } = await agent.stop();
      assert.equal(code, 0, agent.tail());
      assert.ok(tookMs < 4000, `stopped in ${tookMs} ms`);
      const started = readFileSync(pids, 'utf8').trim().split('\n');
      assert.deepEqual(
        started.filter((pid) => pid !== '' && existsSync(`/proc/${pid}`)),
        [],
        'ffmpeg was asked, and nothing of it is left',
      );
    });
  }
});
