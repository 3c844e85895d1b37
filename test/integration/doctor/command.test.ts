import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startLocalCloud, type Device, type LocalCloud } from '../../cloud/local-cloud.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const PASSWORD = 'correct-horse-battery';

describe('the command doctor', () => {
  let cloud: LocalCloud;
  let device: Device;

  before(async () => {
    cloud = await startLocalCloud({ turn: true });
    cloud.createChannel('front');
    device = await cloud.createDevice('patient');
  });
  after(() => cloud.close());

  function doctor(
    settings: object,
    ...flags: string[]
  ): Promise<{ code: number; output: string; errors: string }> {
    const file = join(cloud.directory, 'agent.json');
    const cameras = { front: { channelName: 'front', source: { type: 'test' } } };
    const config = cloud.agentConfig(device, { stateDirectory: cloud.directory, cameras, ...settings });
    writeFileSync(file, JSON.stringify(config));
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, LOGIN: `viewer:${PASSWORD}`, ...cloud.agentEnvironment() };
    return new Promise((resolve) => {
      const args = [MAIN, 'doctor', '--config', file, ...flags];
      const child = execFile(process.execPath, args, { env }, (_, output, errors) => {
        resolve({ code: child.exitCode ?? -1, output, errors });
      });
    });
  }

  test('prints a table and ends with 0 where all is well', async () => {
    const { code, output, errors } = await doctor({});
    assert.equal(errors, '');
    assert.match(output, /^ok {4}channel front +arn:aws:kinesisvideo/m);
    assert.match(output, /^ok {4}camera front +test: .*high h264 1280x720/m);
    assert.match(output, /Passed: nothing stands in the way/);
    assert.equal(code, 0, output);
  });

  test('ends with 1 and the cure where a camera does not answer; its password is nowhere', async () => {
    const source = { type: 'rtsp', url: 'rtsp://127.0.0.1:1/live', credentialsRef: 'login' };
    const settings = {
      secrets: { login: { env: 'LOGIN' } },
      cameras: { front: { channelName: 'front', source } },
    };
    const [table, json] = [await doctor(settings), await doctor(settings, '--json')];
    assert.equal(table.code, 1);
    assert.match(table.output, /^FAIL +camera front +.*refused.*\n +→ nothing listens there/m);
    assert.match(table.output, /Failed: 1 faults/);
    assert.equal(json.code, 1);
    const { passed, findings } = JSON.parse(json.output);
    assert.equal(passed, false);
    const [camera] = findings.filter(({ check }: { check: string }) => check === 'camera front');
    assert.deepEqual(Object.keys(camera).toSorted(), ['check', 'cure', 'detail', 'verdict']);
    assert.equal(camera.verdict, 'fail');
    assert.doesNotMatch(table.output + json.output + table.errors + json.errors, new RegExp(PASSWORD));
  });

  test('a configuration that cannot be used is a finding, too', async () => {
    const { code, output } = await doctor({ cameras: { front: { source: { type: 'tset' } } } });
    assert.equal(code, 1);
    assert.match(output, /^FAIL +configuration .*cameras\.front\.source\.type/m);
  });
});
