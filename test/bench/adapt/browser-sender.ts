import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CHROMIUM } from '../../e2e/support/browser.ts';
import type { NetworkLab } from '../../support/network-lab.ts';
import type { LabSender } from './lab-sender.ts';

/** Chromium as the device: its own encoder, congestion control and pacer send a noisy picture. */
export class BrowserSender implements LabSender {
  readonly #browser: Browser;
  readonly #page: Page;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.#page = page;
  }

  static async start(lab: NetworkLab): Promise<BrowserSender> {
    const launcher = join(tmpdir(), `chromium-on-device-${process.pid}.sh`);
    writeFileSync(
      launcher,
      `#!/bin/sh\nexec ${lab.launcher.join(' ')} ${CHROMIUM.executablePath ?? ''} "$@"\n`,
    );
    chmodSync(launcher, 0o700);
    try {
      const args = [...(CHROMIUM.args ?? []), '--disable-features=WebRtcHideLocalIpsWithMdns'];
      const browser = await chromium.launch({ args, executablePath: launcher });
      const page = await browser.newPage();
      await page.setContent(readFileSync(join(import.meta.dirname, 'sender-page.html'), 'utf8'));
      return new BrowserSender(browser, page);
    } finally {
      rmSync(launcher);
    }
  }

  async offer(_clientId: string, offer: string): Promise<string> {
    return String(await this.#page.evaluate(`answer(${JSON.stringify(offer)})`));
  }

  status(): Promise<[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}
