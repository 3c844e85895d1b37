import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import type { SiteOptions } from '../cloud/site.ts';
import { startTunnelProxy } from '../integration/webrtc/support/tunnel-proxy.ts';
import type { LabOptions, NetworkLab } from '../support/network-lab.ts';
import { launchBrowser } from './support/browser.ts';
import { endsOf, FPS, routeOf, startRemoteDevice, type RemoteDevice } from './support/remote-device.ts';

const SERVICES = ['credentialsProvider', 'control', 'data', 'masterSignaling', 'turn'];

/** Plays until pictures come; resolves to the agent's route. */
async function watch({ page, site }: RemoteDevice): Promise<string> {
  const { id, status } = await page.play('front');
  await page.waitForFrames(id, 5);
  await page.close(id);
  return routeOf(site, status);
}

describe('networks', () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  function start(
    t: TestContext,
    network: LabOptions,
    prepare: (lab: NetworkLab) => Partial<SiteOptions> | Promise<Partial<SiteOptions>> = () => ({}),
  ): Promise<RemoteDevice> {
    return startRemoteDevice(browser, network, prepare, (close) => t.after(close));
  }

  test('a device with IPv4 and IPv6, then with another address in mid-call', async (t) => {
    const device = await start(t, { ipv4: true, ipv6: true });
    const { lab, site, page } = device;
    await t.test('IPv4 and IPv6: directly', async () => {
      assert.match(await watch(device), /"local":\{"type":"host"/);
    });
    await t.test('another address: the same session goes on', async () => {
      const { id, status } = await page.play('front');
      await page.waitForFrames(id, 5);
      lab.changeAddress();
      const figures = await page.figures(id);
      await page.waitForFrames(id, 2 * FPS, figures);
      assert.deepEqual(endsOf(site, status), []);
    });
  });

  test('a network that lets out only TCP to port 443: signaling by it, and pictures through the relay by TLS', async (t) => {
    const device = await start(t, {}, (lab) => {
      lab.filter('iifname "device" tcp dport 443 accept', 'iifname "device" drop');
      // As AWS's are: each at an address of its own.
      const hosts = Object.fromEntries(
        SERVICES.map((name) => [
          name,
          { name: `${name}.test`, address: lab.addHost(`${name}.test`), port: 443 },
        ]),
      );
      return { cloud: { turn: true, hosts } };
    });
    assert.match(await watch(device), /"local":\{"type":"relay"/);
  });

  test('a device with IPv6 only', async (t) => {
    assert.match(await watch(await start(t, { ipv4: false, ipv6: true })), /fd12:/);
  });

  test('a device behind a router that translates addresses and lets nobody in', async (t) => {
    await watch(await start(t, { translated: true }, () => ({ cloud: { turn: true } })));
  });

  test('a network that lets out only what goes through its HTTP proxy', async (t) => {
    const device = await start(t, {}, async (lab) => {
      const address = lab.hostIpv4;
      const proxy = await startTunnelProxy({ user: 'device', password: 'secret', address });
      t.after(() => proxy.close());
      lab.filter(`iifname "device" tcp dport ${proxy.port} accept`, 'iifname "device" drop');
      // The cloud by its address: names that the device knows mean nothing to the proxy.
      return {
        environment: { HTTPS_PROXY: proxy.url },
        cloud: { host: { name: address, address }, turn: true },
      };
    });
    assert.match(await watch(device), /"local":\{"type":"relay"/);
  });
});
