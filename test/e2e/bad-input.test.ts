import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { AgentProcess } from '../cloud/agent-process.ts';
import { startLocalCloud, type Device, type LocalCloud } from '../cloud/local-cloud.ts';
import { startSite } from '../cloud/site.ts';
import { AGENT_BUILDS, agentEntry } from './support/agent-builds.ts';
import { launchBrowser, openViewerPage } from './support/browser.ts';

const test720p = { source: { type: 'test' } };

for (const build of AGENT_BUILDS) {
  describe(`bad input to the agent's ${build}`, () => {
    const entry = agentEntry(build);
    let cloud: LocalCloud;
    let device: Device;
    let folder: string;

    before(async () => {
      cloud = await startLocalCloud();
      device = await cloud.createDevice('faulty-device');
      folder = mkdtempSync(join(tmpdir(), 'kvs-bad-input-'));
    });
    after(async () => {
      await cloud.close();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Runs the agent to its end; resolves to what a technician sees. */
    async function runToExit(config: unknown): Promise<{ code: number | null; output: string }> {
      const agent = new AgentProcess({ entry, config, folder, environment: cloud.agentEnvironment() });
      const { code } = await agent.exited;
      return { code, output: agent.tail() };
    }

    test('a configuration with several faults lists them all', async () => {
      const cameras = {
        front: { channelName: 'has spaces', source: { type: 'telescope' } },
        garden: { channelName: 'garden', source: { type: 'test' }, viewers: { max: 'many' } },
        gate: { channelName: 'gate', source: { ref: 'nowhere' } },
      };
      const config = { ...cloud.agentConfig(device, { cameras }), metricz: {}, log: { level: 'loud' } };
      const { code, output } = await runToExit(config);
      assert.equal(code, 1);
      for (const [key, value] of [
        ['cameras.front.channelName', 'has spaces'],
        ['cameras.front.source.type', 'telescope'],
        ['cameras.garden.viewers.max', 'many'],
        ['cameras.gate.source.ref', 'nowhere'],
        ['metricz', ''],
        ['log.level', 'loud'],
      ] as const) {
        const line = output.split('\n').find((text) => text.includes(key));
        assert.ok(line?.includes(value) && line.includes('expected'), `no fault of ${key} in:\n${output}`);
      }
    });

    const cameras = { front: { channelName: 'front', source: { type: 'test' } } };
    const badFiles: [string, () => { field: keyof Device; path: string }][] = [
      [
        'a certificate that is not there',
        () => ({ field: 'certificatePath', path: join(folder, 'absent.pem') }),
      ],
      ['a key that is not there', () => ({ field: 'privateKeyPath', path: join(folder, 'absent.key') })],
      [
        'a certificate that is no certificate',
        () => writeBad('certificatePath', 'bad.pem', 'not a certificate'),
      ],
      ['a key of another certificate', () => writeBad('privateKeyPath', 'other.key', otherKey())],
    ];

    function writeBad(field: keyof Device, name: string, content: string) {
      const path = join(folder, name);
      writeFileSync(path, content);
      return { field, path };
    }

    for (const [what, make] of badFiles) {
      test(`explicit x509 with ${what} ends with the file's name`, async () => {
        const { field, path } = make();
        const { code, output } = await runToExit(
          cloud.agentConfig({ ...device, [field]: path }, { cameras }),
        );
        assert.equal(code, 1, output);
        assert.ok(output.includes(path), output);
        assert.doesNotMatch(output, /PRIVATE KEY/);
      });
    }
  });
}

function otherKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

describe('a camera in trouble', () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  test('leaves the others alone, tells why and is tried again', async () => {
    const site = await startSite({
      cameras: {
        front: {
          ...test720p,
          video: { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } },
        },
        absent: { source: { type: 'file', path: '/nonexistent/film.mp4' }, prewarm: true },
        dying: { source: { ref: 'short-film' }, prewarm: true },
      },
      settings: { sources: { 'short-film': { type: 'command', command: SHORT_FILM, format: 'h264' } } },
    });
    try {
      await site.masterConnected();
      for (const camera of ['absent', 'dying']) {
        const failed = await site.agent.waitForLog(
          `camera ${camera} failed`,
          ({ level, details }) => level === 'warn' && details['camera'] === camera && 'error' in details,
        );
        assert.ok(Number(failed.details['retryInMs']) >= 0, JSON.stringify(failed));
      }
      const page = await openViewerPage(browser, site.console.url);
      const { id } = await page.play('front');
      await page.waitForFrames(id, 45);
      // The dying one shows what it has each time it is tried again.
      await page.play('dying');
      const absent = site.agent.logs.find(
        ({ details }) => details['camera'] === 'absent' && 'error' in details,
      );
      assert.match(String(absent?.details['error']), /film\.mp4/);
    } finally {
      await site.close();
    }
  });

  test('without ffmpeg the agent runs on and says what to do', async () => {
    const site = await startSite({
      cameras: { front: { ...test720p, prewarm: true } },
      settings: { ffmpeg: { path: '/nonexistent/ffmpeg' } },
    });
    try {
      await site.masterConnected();
      const line = await site.agent.waitForLog('ffmpeg is missing', ({ details }) =>
        String(details['error']).includes('/nonexistent/ffmpeg'),
      );
      assert.match(String(line.details['error']), /ffmpeg\.path/);
    } finally {
      const { code } = await site.agent.stop();
      assert.equal(code, 0);
      await site.close();
    }
  });
});

/** A camera program that ends after a few seconds of picture. */
const SHORT_FILM = (
  'ffmpeg -v error -re -f lavfi -i testsrc=size=320x180:rate=15:duration=3 ' +
  '-pix_fmt yuv420p -c:v libx264 -profile:v baseline -tune zerolatency -f h264 -'
).split(' ');
