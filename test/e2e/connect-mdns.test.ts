import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { parseCandidate } from '../../src/webrtc/ice/candidate.ts';
import { MdnsResolver } from '../../src/webrtc/ice/mdns.ts';
import { launchBrowser } from './support/browser.ts';

/** Runs in the page: a peer connection that stays, and its candidates. */
const GATHER = `(async () => {
  globalThis.peer = new RTCPeerConnection();
  peer.createDataChannel('any');
  const lines = [];
  const complete = new Promise((resolve) => {
    peer.onicecandidate = ({ candidate }) => (candidate ? lines.push(candidate.candidate) : resolve());
  });
  await peer.setLocalDescription(await peer.createOffer());
  await complete;
  return lines;
})()`;

test("a browser's .local candidate is resolved; a name that nobody has is given up", async (t) => {
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const server = createServer((_request, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address && typeof address === 'object');
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${address.port}/`);
  const lines: unknown = await page.evaluate(GATHER);
  assert.ok(Array.isArray(lines));
  const candidates = lines.flatMap((line) => parseCandidate(String(line)) ?? []);
  const hidden = candidates.find((candidate) => candidate.address.endsWith('.local'));
  assert.ok(hidden, `no .local name among ${JSON.stringify(lines)}`);
  const resolver = new MdnsResolver(systemClock);
  const [found, nobody] = await Promise.all([
    resolver.resolve(hidden.address),
    resolver.resolve('00000000-0000-4000-8000-000000000000.local'),
  ]);
  assert.ok(isIP(found ?? ''), String(found));
  assert.equal(nobody, undefined);
});
