import { join } from 'node:path';
import type { Mappings } from './departures.ts';
import { ChildCalls } from './ipc.ts';
import type { LightViewerOptions } from './light-viewer.ts';
import type { SourceCounts } from './packet-counter.ts';

const SCRIPT = join(import.meta.dirname, 'viewer-process.ts');

/** RTP packets of all viewers since they came. */
export interface Counts {
  packets: number;
  bytes: number;
  lost: number;
  viewers: Record<string, SourceCounts[]>;
}

/** Light viewers in a process of their own. */
export class Viewers {
  readonly #child: ChildCalls;

  constructor(cpu: number) {
    this.#child = new ChildCalls(SCRIPT, [], cpu);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Adds a viewer that is connected when this resolves. */
  async add(
    id: string,
    exchange: (offer: string) => Promise<string>,
    options: LightViewerOptions = {},
  ): Promise<void> {
    const offer: string = JSON.parse(await this.#child.call({ type: 'offer', id, options }));
    const answer = await exchange(offer);
    await this.#child.call({ type: 'accept', id, answer });
  }

  /** Adds a bare UDP socket on loopback; resolves to its port. */
  async listen(id: string): Promise<number> {
    return Number(await this.#child.call({ type: 'listen', id }));
  }

  async counts(): Promise<Counts> {
    const viewers: Counts['viewers'] = JSON.parse(await this.#child.call({ type: 'counts' }));
    const all = Object.values(viewers).flat();
    const sum = (pick: (source: SourceCounts) => number) =>
      all.reduce((total, source) => total + pick(source), 0);
    return {
      packets: sum(({ packets }) => packets),
      bytes: sum(({ bytes }) => bytes),
      lost: sum(({ lost }) => lost),
      viewers,
    };
  }

  /** What every sender's timestamps stand for. */
  async mappings(): Promise<Mappings> {
    const mappings: Mappings = JSON.parse(await this.#child.call({ type: 'mappings' }));
    return mappings;
  }

  async close(): Promise<void> {
    await this.#child.call({ type: 'close' });
    await this.#child.close();
  }
}
