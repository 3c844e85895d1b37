import { join } from 'node:path';
import type { SrtpProfile } from '../../../src/rtp/srtp-keys.ts';
import { AgentSite } from './agent-site.ts';
import { ChildCalls } from './ipc.ts';
import type { MediaFile } from './media-file.ts';
import type { Viewers } from './viewers.ts';

/** The processor of the program that is measured; its viewers have the other one. */
export const SENDER_CPU = 0;
export const VIEWER_CPU = 1;

/** A running program that sends one camera's media to every viewer it is given. */
export interface Sender {
  pid: number;
  addViewer(viewers: Viewers, id: string): Promise<void>;
  close(): Promise<void>;
}

export interface Variant {
  name: string;
  start(media: MediaFile): Promise<Sender>;
}

/** The real agent with a camera that passes a file through. */
export function agentVariant(name: string, entry: string, profile?: SrtpProfile): Variant {
  return {
    name,
    async start(media) {
      const source = { type: 'file', path: media.moviePath };
      const cameras = { front: { source, video: { encoder: 'copy' } } };
      const agent = await AgentSite.start({ cameras, entry, cpu: SENDER_CPU });
      return {
        pid: agent.pid,
        addViewer: (viewers, id) =>
          viewers.add(id, (offer) => agent.answer('front', offer), profile ? { profile } : {}),
        close: () => agent.close(),
      };
    },
  };
}

/** Stock werift's `writeRtp`. */
export function stockVariant(name: string, transportCc: boolean): Variant {
  const script = join(import.meta.dirname, 'stock-sender.ts');
  return {
    name,
    async start(media) {
      const child = new ChildCalls(script, [media.moviePath, transportCc ? 'on' : 'off'], SENDER_CPU);
      return {
        pid: child.pid,
        addViewer: (viewers, id) =>
          viewers.add(id, async (offer) => JSON.parse(await child.call({ offer })), { transportCc }),
        close: () => child.close(),
      };
    },
  };
}

/** Encrypts and sends, nothing else. */
export function floorVariant(name: string): Variant {
  const script = join(import.meta.dirname, 'floor-sender.ts');
  return {
    name,
    async start(media) {
      const child = new ChildCalls(script, [media.annexBPath, String(media.fps)], SENDER_CPU);
      return {
        pid: child.pid,
        addViewer: async (viewers, id) => {
          await child.call({ port: await viewers.listen(id) });
        },
        close: () => child.close(),
      };
    },
  };
}
