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
  packets?: number;
}

test("GStreamer's webrtcbin (libnice, OpenSSL, libsrtp) watches", async () => {
  const stub = new StubMaster({ dtls: new DtlsLoader() });
  const child = spawn('/usr/bin/python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const events = new EventEmitter();
  const tell = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
  createInterface(child.stdout).on('line', (line) => {
    const said: Said = JSON.parse(line);
    if (said.offer !== undefined) events.emit('offer', said.offer);
    if (said.candidate !== undefined) stub.master.onCandidate('gstreamer', said.candidate);
    if (said.packets === 60) events.emit('packets');
  });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const packets = once(events, 'packets', { signal });
    const [offer]: unknown[] = await once(events, 'offer', { signal });
    const answer = await stub.answerTo('gstreamer', String(offer));
    tell({ answer });
    // webrtcbin takes the candidates of an answer as well; KVS viewers get them one by one, too.
    for (const [, candidate] of answer.matchAll(/^a=(candidate:.*)\r$/gm)) tell({ candidate });
    await packets;
    assert.equal(stub.master.viewers, 1);
  } finally {
    child.kill();
    await once(child, 'exit');
    await stub.close();
  }
});
