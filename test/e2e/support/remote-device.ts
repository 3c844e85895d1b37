import type { Browser } from 'playwright-core';
import { startSite, type Site, type SiteOptions } from '../../cloud/site.ts';
import { NetworkLab, type LabOptions } from '../../support/network-lab.ts';
import { openViewerPage, type ViewerPage, type ViewerStatus } from './browser.ts';

const CLOUD_NAME = 'cloud.test';
export const FPS = 15;

/** Small pictures: this is about ways through networks. */
const camera = {
  source: { type: 'test' },
  prewarm: true,
  video: { renditions: { high: { width: 320, height: 180, fps: FPS, bitrateKbps: 300 } } },
};

/** The agent on a network of its own, as `NetworkLab` makes it; cloud and browser on this machine. */
export interface RemoteDevice {
  lab: NetworkLab;
  site: Site;
  page: ViewerPage;
}

/** @param onStarted Takes what has to be closed, as soon as it is there. */
export async function startRemoteDevice(
  browser: Browser,
  network: LabOptions,
  prepare: (lab: NetworkLab) => Partial<SiteOptions> | Promise<Partial<SiteOptions>>,
  onStarted: (close: () => Promise<void> | void) => void,
): Promise<RemoteDevice> {
  const lab = NetworkLab.create({ ...network, hostName: CLOUD_NAME });
  onStarted(() => lab.close());
  const address = network.ipv4 === false ? lab.hostIpv6 : lab.hostIpv4;
  const options = await prepare(lab);
  const site = await startSite({
    cameras: { front: camera },
    launcher: lab.launcher,
    ...options,
    cloud: { host: { name: CLOUD_NAME, address }, ...options.cloud },
  });
  onStarted(() => site.close());
  await site.masterConnected();
  return { lab, site, page: await openViewerPage(browser, site.console.url) };
}

/** The route that the agent logged for a viewer, as JSON. */
export async function routeOf({ agent }: Site, { clientId }: ViewerStatus): Promise<string> {
  const line = await agent.waitForLog(
    'viewer connected',
    ({ msg, details }) => msg === 'viewer connected' && details['clientId'] === clientId,
  );
  return JSON.stringify(line.details['route']);
}

/** Why the viewer's session ended; empty while it lives. */
export function endsOf({ agent }: Site, { clientId }: ViewerStatus): unknown[] {
  return agent.logs
    .filter(({ msg, details }) => msg === 'viewer session ended' && details['clientId'] === clientId)
    .map(({ details }) => details['end']);
}
