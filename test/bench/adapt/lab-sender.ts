import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { NetworkLab } from '../../support/network-lab.ts';
import { BrowserSender } from './browser-sender.ts';
import type { LadderRung } from './ladder-media.ts';
import type { SenderRequest, ShownStatus } from './ladder-sender.ts';

export type SenderName = 'ours' | 'werift' | 'chromium';

/** Something that sends a picture to every viewer that offers, in the device's network. */
export interface LabSender {
  /** The answer, with all candidates. */
  offer(clientId: string, offer: string): Promise<string>;
  /** Of each viewer; only ours tells. */
  status(): Promise<ShownStatus[]>;
  close(): Promise<void>;
}

export interface SenderMedia {
  rungs: readonly LadderRung[];
  /** For stock werift, at one rate. */
  moviePath: string;
  /** Where ours records its feedback. */
  tracePath: string;
}

export async function startSender(name: SenderName, lab: NetworkLab, media: SenderMedia): Promise<LabSender> {
  if (name === 'chromium') return BrowserSender.start(lab);
  if (name === 'werift')
    return new ProcessSender(lab, join(import.meta.dirname, '../support/stock-sender.ts'), [
      media.moviePath,
      'on',
    ]);
  const script = join(import.meta.dirname, 'ladder-sender.ts');
  return new ProcessSender(lab, script, [JSON.stringify(media.rungs), media.tracePath], true);
}

/** A sender in a process of its own, on the device. */
export class ProcessSender implements LabSender {
  readonly #child: ChildProcess;
  readonly #tellsStatus: boolean;
  #calls = 0;

  constructor(lab: NetworkLab, script: string, args: readonly string[], tellsStatus = false) {
    const [program = '', ...prefix] = lab.launcher;
    this.#tellsStatus = tellsStatus;
    this.#child = spawn(program, [...prefix, process.execPath, script, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.setMaxListeners(0);
  }

  async offer(clientId: string, offer: string): Promise<string> {
    return JSON.parse(await this.#call({ type: 'offer', clientId, offer }));
  }

  async status(): Promise<ShownStatus[]> {
    return this.#tellsStatus ? JSON.parse(await this.#call({ type: 'status' })) : [];
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }

  #call(request: SenderRequest): Promise<string> {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      const take = (message: { call: number; answer?: string; error?: string }) => {
        if (message.call !== call) return;
        this.#child.off('message', take);
        if (message.error === undefined) resolve(message.answer ?? 'null');
        else reject(new Error(message.error));
      };
      this.#child.on('message', take);
      this.#child.once('exit', (code) => reject(new Error(`the sender ended with code ${code}`)));
      this.#child.send({ call, request: JSON.stringify(request) });
    });
  }
}
