import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { launchBrowser, openViewerPage } from './support/browser.ts';

const PROJECT = join(import.meta.dirname, '../..');
const START_MS = 5000;
const STOP_MS = 4000;

describe('npm start', () => {
  // What is missing in a fresh clone is installed by the first start alone.
  before(() => execFileSync('sh', ['test/setup.sh', 'start'], { cwd: PROJECT }));

  test('shows a camera, and Ctrl-C leaves nothing behind', async (t) => {
    const startedAt = performance.now();
    // A process group of its own: a terminal sends Ctrl-C to all of it.
    const npm = spawn('npm', ['start', '--', '--port', '0'], {
      cwd: PROJECT,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(npm, 'exit');
    const browser = await launchBrowser();
    try {
      const output = await outputUntil(npm, /Ready:.*\n/);
      const readyMs = performance.now() - startedAt;
      t.diagnostic(`ready in ${Math.round(readyMs)} ms`);
      assert.ok(readyMs < START_MS, `${readyMs} ms`);
      const url = /http:\/\/localhost:\d+\//.exec(output)?.[0];
      assert.ok(url, output);

      const page = await openViewerPage(browser, url, '');
      await page.waitFor('front', ['playing']);
      await page.waitForFrames('front', 30);

      const family = descendants(npm.pid ?? 0);
      assert.ok(
        family.some((pid) => commandLine(pid).startsWith('ffmpeg')),
        'no camera is running',
      );
      const stoppedAt = performance.now();
      process.kill(-(npm.pid ?? 0), 'SIGINT');
      await exited;
      const stopMs = performance.now() - stoppedAt;
      t.diagnostic(`stopped in ${Math.round(stopMs)} ms`);
      assert.ok(stopMs < STOP_MS, `${stopMs} ms`);
      assert.deepEqual(family.filter(isAlive).map(commandLine), []);
      // What is left of the page says so instead of waiting in silence.
      await page.page.getByText('does not answer').waitFor();
    } finally {
      if (npm.exitCode === null && npm.signalCode === null) process.kill(-(npm.pid ?? 0), 'SIGKILL');
      await browser.close();
    }
  });
});

/** Standard output up to what matches `pattern`; rejects when the process ends before. */
async function outputUntil({ stdout }: ChildProcess, pattern: RegExp): Promise<string> {
  if (!stdout) throw new Error('no standard output');
  let text = '';
  for await (const chunk of stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (!pattern.test(text)) continue;
    stdout.resume();
    return text;
  }
  throw new Error(`npm start ended before ${pattern}:\n${text}`);
}

/** A process and all below it. */
function descendants(root: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map(pids.map((pid) => [Number(pid), parentOf(Number(pid))]));
  const family = [root];
  for (const member of family) {
    for (const [pid, parent] of parents) if (parent === member) family.push(pid);
  }
  return family;
}

function parentOf(pid: number): number {
  try {
    // proc(5): the name in parentheses may hold anything; the state and the parent follow it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return -1;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && commandLine(pid) !== '';
}
