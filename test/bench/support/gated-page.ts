import type { Browser } from 'playwright-core';
import { openViewerPage, type ViewerPage } from '../../e2e/support/browser.ts';
import { RtpGate } from './rtp-gate.ts';

/** What is used of the page; the tests have no DOM types. */
interface PagePeer {
  addIceCandidate: () => Promise<void>;
  setRemoteDescription: (this: PagePeer, description: { type: string; sdp: string }) => Promise<void>;
}
interface PageSocket {
  send: (this: PageSocket, data: string) => void;
}
declare const RTCPeerConnection: { prototype: PagePeer };
declare const WebSocket: { prototype: PageSocket };
/** Put there by `openGatedPage`. */
declare function throughGate(answer: string): Promise<string>;

/** A viewer page whose viewers reach the device through a gate; `gate()` is the last viewer's. */
export interface GatedPage {
  page: ViewerPage;
  gate(): RtpGate;
  close(): Promise<void>;
}

export async function openGatedPage(browser: Browser, url: string): Promise<GatedPage> {
  const page = await openViewerPage(browser, url, '?play=0');
  const gates: RtpGate[] = [];
  await page.page.exposeFunction('throughGate', async (answer: string) => {
    const opened = await RtpGate.open(answer);
    gates.push(opened.gate);
    return opened.answer;
  });
  await page.page.evaluate(leadThroughGate);
  return {
    page,
    gate: () => {
      const gate = gates.at(-1);
      if (!gate) throw new Error('no viewer has had its answer');
      return gate;
    },
    close: async () => {
      await page.page.context().close();
      for (const gate of gates) gate.close();
    },
  };
}

/** Runs in the page: neither end hears of the other's own addresses. */
function leadThroughGate(): void {
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function sendOthers(data) {
    if (!data.includes('"ICE_CANDIDATE"')) send.call(this, data);
  };
  const peer = RTCPeerConnection.prototype;
  peer.addIceCandidate = () => Promise.resolve();
  const { setRemoteDescription } = peer;
  peer.setRemoteDescription = async function setGated({ type, sdp }) {
    return setRemoteDescription.call(this, { type, sdp: await throughGate(sdp) });
  };
}
