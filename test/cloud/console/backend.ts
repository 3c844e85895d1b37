import type { Server } from 'node:http';
import type { SchemaRow } from '../../../src/config/document.ts';
import type { JsonObject } from '../../../src/config/layers.ts';
import type { CloudEvent } from '../event-log.ts';

/** One camera as the page lists it. */
export interface CameraSummary {
  name: string;
  channelName: string;
  /** A master is connected to the camera's channel. */
  online: boolean;
  /** Viewers connected to the channel's signaling. */
  viewers: number;
}

/** What a viewer needs to reach a camera. */
export interface ViewerAccess {
  channelARN: string;
  region: string;
  /** Of the viewers' signaling, `wss://…`; absent: the page's own server carries it. */
  endpoint?: string;
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** The two shadows of the device, as `get` answers them. */
export interface ShadowView {
  version: number;
  desired: JsonObject;
  reported: JsonObject;
  delta: JsonObject;
  /** Reported section of the status shadow. */
  status: JsonObject;
}

/** Something that a person may do to the cloud or the device, to see the agent heal. */
export interface Mishap {
  name: string;
  title: string;
  /** What happens, and what is to be seen. */
  text: string;
}

/** What the agent has used so far. */
export interface DeviceUsage {
  pid: number;
  /** Monotonic, of this reading. */
  atMs: number;
  cpuMs: number;
  /** Of its ffmpeg processes. */
  captureCpuMs: number;
  memoryMb: number;
}

/** What the page is told as it happens. */
export type ConsoleEvent =
  | { kind: 'cloud'; at: number; event: CloudEvent }
  | { kind: 'log'; at: number; level: string; msg: string; details: Record<string, unknown> }
  | { kind: 'metrics' | 'sessions' | 'alarms'; at: number; payload: JsonObject }
  /** The agent has ended. */
  | { kind: 'device'; at: number; text: string }
  | { kind: 'mishap'; at: number; name: string; text: string }
  | { kind: 'shadow'; at: number; /** The one that changed. */ name: string; shadow: ShadowView };

/** The page's request cannot be served; `status` is HTTP's. */
export class RefusedRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The cloud and the device as the page's server sees them. */
export interface ConsoleBackend {
  cameras(): CameraSummary[];
  /** Undefined: the agent does not run. */
  device(): DeviceUsage | undefined;
  /** Undefined: no such camera. */
  viewerAccess(camera: string): Promise<ViewerAccess | undefined>;
  /** Lets the viewers' signaling be reached on this server too (its `upgrade` event). */
  attachViewers(server: Server): void;
  /** Undefined: there are no shadows here. */
  shadow(): ShadowView | undefined;
  /** Makes `desired` the whole desired section. Throws RefusedRequest with what the service says. */
  setDesired(desired: JsonObject): Promise<void>;
  schema(): SchemaRow[];
  mishaps(): Mishap[];
  /** Throws RefusedRequest where it cannot be done here. */
  cause(mishap: string): Promise<void>;
  /** Returns how to stop listening. */
  listen(listener: (event: ConsoleEvent) => void): () => void;
}
