import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from '../../e2e/support/browser.ts';

const FPS = 15;
const camera = {
  source: { type: 'test' },
  video: { renditions: { high: { width: 320, height: 180, fps: FPS, bitrateKbps: 300 } } },
};

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
    await browser.close();
    await site.close();
  });

  /** Runs `change` on the peer connection, offers again and waits for the answer. */
  async function offerAgain(id: string, change: string): Promise<void> {
    await page.page.evaluate(`(async () => {
      const { peer, signaling } = kvs.tile(${JSON.stringify(id)}).viewer;
      ${change};
      await peer.setLocalDescription(await peer.createOffer());
      const stable = new Promise((resolve) => {
        peer.addEventListener('signalingstatechange', () => peer.signalingState === 'stable' && resolve());
      });
      signaling.sendSdpOffer(peer.localDescription);
      await stable;
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
    await page.waitForFrames(id, FPS);
    const pairBefore = await selectedPair(id);
    await offerAgain(id, 'peer.restartIce()');
    assert.equal(await renegotiated(status.clientId), true);
    const figures = await page.figures(id);
    await page.waitForFrames(id, 4 * FPS, figures);
    assert.notEqual(await selectedPair(id), pairBefore);
    assert.equal(ended(status.clientId), false);
    const { video } = await page.figures(id);
    assert.equal(video.packetsLost, 0);
    assert.equal(video.freezeCount, 0);
    await page.close(id);
  });

  test('sound switched off and on again: the picture goes on', async () => {
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, FPS);
    await offerAgain(id, setAudio('inactive'));
    assert.equal(await renegotiated(status.clientId), false);
    const without = await page.figures(id);
    await page.waitForFrames(id, 2 * FPS, without);
    await offerAgain(id, setAudio('recvonly'));
    await page.waitForFrames(id, 2 * FPS);
    const again = await page.figures(id);
    assert.ok(again.audio.packetsReceived > 0, JSON.stringify(again.audio));
    assert.equal(again.video.freezeCount + again.video.packetsLost, 0, 'nothing of the picture was lost');
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

  function selectedPair(id: string): Promise<string> {
    return page.page.evaluate(`(async () => {
      const report = [...(await kvs.tile(${JSON.stringify(id)}).viewer.peer.getStats()).values()];
      const transport = report.find(({ type }) => type === 'transport');
      return transport.selectedCandidatePairId;
    })()`);
  }
});
