import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { StubMaster } from './support/stub-master.ts';

const SCRIPT = join(import.meta.dirname, 'support', 'gst-viewer.py');
const TIMEOUT_MS = 15_000;

interface Said {
  offer?: string;
  candidate?: string;
  state?: string;
  frames?: number;
}

test("GStreamer's webrtcbin (libnice, OpenSSL, libsrtp) watches, and says goodbye", async () => {
  const stub = new StubMaster({ dtls: new DtlsLoader() });
  const child = spawn('/usr/bin/python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const events = new EventEmitter();
  const tell = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
  createInterface(child.stdout).on('line', (line) => {
    const said: Said = JSON.parse(line);
    if (said.offer !== undefined) events.emit('offer', said.offer);
    if (said.candidate !== undefined) stub.master.onCandidate('gstreamer', said.candidate);
    if (said.frames === 30) events.emit('frames');
  });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const frames = once(events, 'frames', { signal });
    const [offer]: unknown[] = await once(events, 'offer', { signal });
    const answer = await stub.answerTo('gstreamer', String(offer));
    tell({ answer });
    // webrtcbin takes the candidates of an answer as well; KVS viewers get them one by one, too.
    for (const [, candidate] of answer.matchAll(/^a=(candidate:.*)\r$/gm)) tell({ candidate });
    await frames;
    assert.equal(stub.master.viewers, 1);
    child.stdin.end();
    await once(child, 'exit', { signal });
    await stub.ended(1, TIMEOUT_MS);
    assert.deepEqual(stub.ends, ['closed-by-viewer']);
  } finally {
    child.kill();
    await stub.close();
  }
});
