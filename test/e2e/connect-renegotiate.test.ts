import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { systemClock } from '../../src/runtime/clock.ts';
import { parseCandidate } from '../../src/webrtc/ice/candidate.ts';
import { MdnsResolver } from '../../src/webrtc/ice/mdns.ts';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';

const FPS = 15;
const camera = {
  source: { type: 'test' },
  video: { renditions: { high: { width: 320, height: 180, fps: FPS, bitrateKbps: 300 } } },
};

/** Runs in the page: the candidates of a peer connection that stays. */
const GATHER = `(async () => {
  globalThis.gatherer = new RTCPeerConnection();
  gatherer.createDataChannel('any');
  const lines = [];
  const complete = new Promise((resolve) => {
    gatherer.onicecandidate = ({ candidate }) => (candidate ? lines.push(candidate.candidate) : resolve());
  });
  await gatherer.setLocalDescription(await gatherer.createOffer());
  await complete;
  return lines;
})()`;

function setAudio(direction: string): string {
  return `peer.getTransceivers().find(({ receiver }) => receiver.track.kind === 'audio').direction = '${direction}'`;
}

/** Another offer of the same peer connection, as an application makes it after a change of its network or of its wishes. */
describe('renegotiation', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;
  before(async () => {
    browser = await launchBrowser();
    site = await startSite({ cameras: { front: camera } });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Runs `change` on the peer connection, offers again and waits for the answer and then for `until`. */
  async function offerAgain(id: string, change: string, until = ''): Promise<void> {
    await page.page.evaluate(`(async () => {
      const { peer, signaling } = kvs.tile(${JSON.stringify(id)}).viewer;
      const happens = (target, event, condition) =>
        new Promise((resolve) => target.addEventListener(event, () => condition() && resolve()));
      ${change};
      const then = Promise.all([${until}]);
      await peer.setLocalDescription(await peer.createOffer());
      const stable = happens(peer, 'signalingstatechange', () => peer.signalingState === 'stable');
      signaling.sendSdpOffer(peer.localDescription);
      await stable;
      await then;
    })()`);
  }

  async function renegotiated(clientId: string | undefined): Promise<unknown> {
    const { details } = await site.agent.waitForLog(
      'viewer renegotiated',
      (line) => line.msg === 'viewer renegotiated' && line.details['clientId'] === clientId,
    );
    return details['iceRestart'];
  }

  function ended(clientId: string | undefined): boolean {
    return site.agent.logs.some(
      ({ msg, details }) => msg === 'viewer session ended' && details['clientId'] === clientId,
    );
  }

  test('an ICE restart: a new pair, the same session and DTLS association, no picture lost', async () => {
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, 5);
    await offerAgain(
      id,
      'const ice = peer.getReceivers()[0].transport.iceTransport; peer.restartIce()',
      `happens(ice, 'selectedcandidatepairchange', () => true)`,
    );
    assert.equal(await renegotiated(status.clientId), true);
    await page.waitForFrames(id, FPS);
    assert.equal(ended(status.clientId), false);
    assert.equal((await page.figures(id)).video.packetsLost, 0);
    await page.close(id);
  });

  test('sound switched off and on again: the picture goes on', async () => {
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, 5);
    await offerAgain(id, setAudio('inactive'));
    assert.equal(await renegotiated(status.clientId), false);
    await page.waitForFrames(id, FPS);
    await offerAgain(id, setAudio('recvonly'));
    await page.page.evaluate(`(async () => {
      const heard = async () => (await kvs.figures(${JSON.stringify(id)})).audio?.packetsReceived > 0;
      while (!(await heard())) await new Promise(requestAnimationFrame);
    })()`);
    await page.waitForFrames(id, 5);
    assert.equal((await page.figures(id)).video.packetsLost, 0);
    assert.equal(ended(status.clientId), false);
    await page.close(id);
  });

  test('a new peer connection under the same client id replaces the old session', async () => {
    const { id, status } = await page.play('front');
    await page.page.evaluate(`(async () => {
      const { signaling } = kvs.tile(${JSON.stringify(id)}).viewer;
      const other = new RTCPeerConnection();
      globalThis.other = other;
      other.addTransceiver('video', { direction: 'recvonly' });
      await other.setLocalDescription(await other.createOffer());
      signaling.sendSdpOffer(other.localDescription);
    })()`);
    const { details } = await site.agent.waitForLog(
      'viewer session ended',
      (line) => line.msg === 'viewer session ended' && line.details['clientId'] === status.clientId,
    );
    assert.equal(details['end'], 'replaced');
    await page.page.evaluate('globalThis.other.close()');
    await page.close(id);
  });

  // Chromium itself always leaves the choice, and we choose to wait: here the agent never sees that it could.
  test('an offer whose sender waits for DTLS to begin (setup:passive): the agent begins', async () => {
    await page.page.evaluate(`{
      const { prototype } = KVSWebRTC.SignalingClient;
      const { sendSdpOffer } = prototype;
      prototype.sendSdpOffer = function ({ type, sdp }) {
        prototype.sendSdpOffer = sendSdpOffer;
        this.sendSdpOffer({ type, sdp: sdp.replaceAll('a=setup:actpass', 'a=setup:passive') });
      };
    }`);
    const { id } = await page.play('front');
    await page.waitForFrames(id, 5);
    const viewer = `kvs.tile(${JSON.stringify(id)}).viewer`;
    await page.page.waitForFunction(`${viewer}.messages.readyState === 'open'`);
    const answer = await page.page.evaluate(`${viewer}.peer.remoteDescription.sdp`);
    assert.match(String(answer), /^a=setup:active/m);
    await page.close(id);
  });

  test("a browser's .local candidate is resolved by mDNS", async () => {
    const lines: unknown = await page.page.evaluate(GATHER);
    assert.ok(Array.isArray(lines));
    const candidates = lines.flatMap((line) => parseCandidate(String(line)) ?? []);
    const hidden = candidates.find(({ address }) => address.endsWith('.local'));
    assert.ok(hidden, `no .local name among ${JSON.stringify(lines)}`);
    const found = await new MdnsResolver(systemClock).resolve(hidden.address);
    assert.ok(isIP(found ?? ''), String(found));
  });
});
