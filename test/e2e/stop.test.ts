import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentProcess } from '../cloud/agent-process.ts';
import { Pki } from '../cloud/pki.ts';
import { NetworkLab } from '../support/network-lab.ts';

const STOP_MS = 4000;
/** Credentials provider and IoT Core: both are looked up, by different parts. */
const ASKED_NAMES = ['credentials.test', 'iot.test'];

test('stops in time where the network swallows every question for a name', async (t) => {
  const lab = NetworkLab.create({ asksForNames: true });
  t.after(() => lab.close());
  const folder = mkdtempSync(join(tmpdir(), 'kvs-stop-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const pki = await Pki.open(folder);
  const silentServer = createSocket('udp4').bind(53, lab.hostIpv4);
  t.after(() => silentServer.close());
  const asked = Promise.all(ASKED_NAMES.map((name) => untilAsked(name)));
  const agent = new AgentProcess({
    launcher: lab.launcher,
    folder,
    environment: {},
    config: {
      aws: { region: 'us-west-2', useStun: false },
      device: { thingName: 'device', rootCaPath: pki.caPath, ...(await pki.client('device')) },
      credentials: { source: 'x509', endpoint: 'credentials.test', roleAlias: 'role' },
      mqtt: { transport: 'direct', endpoint: 'iot.test:8883' },
      stateDirectory: join(folder, 'state'),
      cameras: { front: { channelName: 'front', source: { type: 'test' } } },
    },
  });
  t.after(() => agent.stop('SIGKILL'));
  await asked;
  const { code, tookMs } = await agent.stop();
  assert.equal(code, 0, agent.tail());
  t.diagnostic(`stopped in ${Math.round(tookMs)} ms`);
  assert.ok(tookMs < STOP_MS, `${Math.round(tookMs)} ms`);

  async function untilAsked(name: string): Promise<void> {
    const [label = ''] = name.split('.');
    for (;;) {
      const [question]: Buffer[] = await once(silentServer, 'message');
      if (question?.includes(label)) return;
    }
  }
});
