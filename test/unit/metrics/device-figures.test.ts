import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DeviceFigures } from '../../../src/metrics/device-figures.ts';
import { descendantsFigures, processFigures } from '../../../src/metrics/process-tree.ts';

/** The kernel counts CPU time in hundredths of a second, ours and in the tick that runs. */
const GRAIN_SECONDS = 0.03;

function burn(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

describe('figures of the device', () => {
  const thermal = mkdtempSync(join(tmpdir(), 'thermal-'));
  after(() => rmSync(thermal, { recursive: true }));

  test('CPU time and memory are those that Node tells of itself', async () => {
    burn(200);
    const { user, system } = process.cpuUsage();
    const figures = await processFigures('self');
    const cpuSeconds = (user + system) / 1e6;
    assert.ok(figures);
    assert.ok(Math.abs(figures.cpuSeconds - cpuSeconds) <= GRAIN_SECONDS + 0.05 * cpuSeconds);
    const rss = process.memoryUsage.rss();
    assert.ok(Math.abs(figures.residentBytes - rss) <= 0.05 * rss, `${figures.residentBytes}, ${rss}`);
  });

  test('children count, and theirs, while they run and after they have ended', async () => {
    const atFirst = await descendantsFigures();
    // A shell with a child of its own.
    const work = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read end';
    const child = spawn('sh', ['-c', `sh -c '${work}'; true`], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    const running = await descendantsFigures();
    assert.ok(running.residentBytes > 0);
    assert.ok(running.cpuSeconds > atFirst.cpuSeconds, `${running.cpuSeconds} s`);
    child.stdin.end('\n');
    await once(child, 'close');
    const ended = await descendantsFigures();
    assert.equal(ended.residentBytes, atFirst.residentBytes);
    assert.ok(ended.cpuSeconds >= running.cpuSeconds - GRAIN_SECONDS);
  });

  test('a process that is not there has no figures', async () => {
    assert.equal(await processFigures(2 ** 30), undefined);
  });

  test('the temperature is that of the hottest zone that tells one', async () => {
    for (const [zone, temp] of Object.entries({
      thermal_zone0: '41500',
      thermal_zone1: '63250',
      thermal_zone2: '',
    })) {
      mkdirSync(join(thermal, zone));
      writeFileSync(join(thermal, zone, 'temp'), `${temp}\n`);
    }
    mkdirSync(join(thermal, 'cooling_device0'));
    const samples = await new DeviceFigures(thermal).samples();
    assert.equal(samples.find(({ name }) => name === 'temperatureCelsius')?.value, 63.25);
    const none = await new DeviceFigures(join(thermal, 'nowhere')).samples();
    assert.ok(!none.some(({ name }) => name === 'temperatureCelsius'));
  });

  test('a blocked event loop shows', async () => {
    const figures = new DeviceFigures(thermal);
    figures.start();
    // The first tick after a look at it only begins the count.
    let delayMs = 0;
    for (let tries = 0; delayMs < 200 && tries < 10; tries++) {
      burn(300);
      await new Promise(setImmediate);
      delayMs = (await max()) ?? 0;
    }
    figures.close();
    assert.ok(delayMs > 200 && delayMs < 1000, `${delayMs} ms late`);

    async function max(): Promise<number | undefined> {
      return (await figures.samples()).find(({ name }) => name === 'eventLoopDelayMax')?.value;
    }
  });
});
