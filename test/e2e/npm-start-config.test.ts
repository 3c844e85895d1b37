import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startLocalCloud, type LocalCloud } from '../cloud/local-cloud.ts';
import { launchBrowser, ViewerPage } from './support/browser.ts';

const MAIN = join(import.meta.dirname, '../cloud/main.ts');
const high = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const yard = { source: { type: 'test' }, video: { renditions: { high } } };

describe('npm start with a configuration', () => {
  let browser: Browser;
  let cloud: LocalCloud;

  before(async () => {
    [browser, cloud] = await Promise.all([launchBrowser(), startLocalCloud()]);
  });
  after(async () => {
    await browser.close();
    await cloud.close();
  });

  function start(config: object, options: string[], environment: Record<string, string> = {}) {
    const file = join(cloud.directory, 'start.json');
    writeFileSync(file, JSON.stringify(config));
    const env = { PATH: process.env['PATH'] ?? '', HOME: cloud.directory, ...environment };
    const args = [MAIN, '--port', '0', '--config', file, ...options];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const ready = Promise.withResolvers<string>();
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (/Ready:/.test(output)) ready.resolve(/http:\/\/localhost:\d+\//.exec(output)?.[0] ?? '');
    });
    const exited = once(child, 'exit');
    void exited.then(() => ready.reject(new Error(`it ended before it was ready:\n${output}`)));
    return {
      ready: ready.promise,
      stop: async () => {
        child.kill('SIGINT');
        assert.deepEqual(await exited, [0, null], output);
      },
    };
  }

  async function play(url: string, camera: string): Promise<void> {
    // The signaling endpoint's certificate is the local cloud's own.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = new ViewerPage(await context.newPage());
    await page.page.goto(url);
    await page.page.waitForFunction(() => 'kvs' in globalThis);
    await page.waitFor(camera, ['playing']);
    await page.waitForFrames(camera, 10);
    assert.deepEqual(page.errors, []);
    await context.close();
  }

  test('plays its cameras against the local cloud, whatever it says of AWS', async () => {
    const elsewhere = { aws: { region: 'eu-west-1' }, credentials: { roleAlias: 'another' } };
    const running = start({ ...elsewhere, cameras: { yard } }, []);
    await play(await running.ready, 'yard');
    await running.stop();
  });

  test("with --real the agent and the page reach AWS with the device's and the user's credentials", async () => {
    const device = await cloud.createDevice('real-thing');
    cloud.createChannel('real-thing-yard');
    const { accessKeyId, secretAccessKey } = cloud.viewerCredentials;
    const user = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const config = cloud.agentConfig(device, { cameras: { yard } });
    const running = start(config, ['--real'], { ...cloud.agentEnvironment(), ...user });
    await play(await running.ready, 'yard');
    assert.ok(cloud.events.requests('AssumeRoleWithCertificate') > 0, 'the device used its certificate');
    await running.stop();
  });
});
