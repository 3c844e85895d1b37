import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PageViewer } from './page-viewer.ts';

/** What a viewer's packets meet beside what the network laboratory does to all. */
export interface Way {
  roundTripMs: number;
  jitterMs: number;
  /** A bottleneck of its own, for what the device sends. */
  kbps?: number;
  queueMs?: number;
}

/** A relay for each viewer whose way needs one. */
export class Relays {
  readonly #children: ChildProcess[] = [];

  /** Lets the viewer connect, by its way only. */
  async connect(page: PageViewer, answerTo: (offer: string) => Promise<string>, way: Way): Promise<void> {
    const offer = await page.offer();
    if (way.roundTripMs === 0 && way.jitterMs === 0 && way.kbps === undefined)
      return page.accept(await answerTo(offer));
    // The device learns of the relay by its checks, and of no other way.
    const answer = await answerTo(offer.replace(/^a=candidate:.*\r\n/gm, ''));
    return page.accept(await this.#through(answer, way));
  }

  close(): void {
    for (const child of this.#children) child.kill();
  }

  /** The answer with a relay's address in place of the device's. */
  async #through(answer: string, { roundTripMs, jitterMs, kbps = 0, queueMs = 0 }: Way): Promise<string> {
    const candidate = /a=candidate:\S+ 1 udp \d+ (10\.212\.\S+) (\d+) typ host/i.exec(answer);
    if (!candidate) throw new Error(`no host candidate of the device in ${answer}`);
    const [line, address = '', port = ''] = candidate;
    const relay = fork(
      join(import.meta.dirname, 'delay-relay.ts'),
      [address, port, ...[roundTripMs / 2, jitterMs, kbps, queueMs].map(String)],
      { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    );
    this.#children.push(relay);
    const [relayPort]: unknown[] = await once(createInterface(relay.stdout!), 'line');
    const relayed = line.replace(`${address} ${port}`, `127.0.0.1 ${String(relayPort)}`);
    return answer.replace(/^a=candidate:.*\r\n/gm, '').replace(/^a=ice-ufrag/m, `${relayed}\r\na=ice-ufrag`);
  }
}
