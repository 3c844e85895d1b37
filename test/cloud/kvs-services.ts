import type { RequestListener } from 'node:http';
import type { SignalingRole } from './channels.ts';
import type { CloudContext } from './context.ts';
import { credentialsProvider, type ThingRegistry } from './credentials-provider.ts';
import { kvsControl } from './kvs-control.ts';
import { kvsData, type IceServerSource, type StorageSessions } from './kvs-data.ts';
import type { KvsSignaling } from './kvs-signaling.ts';
import { httpsServer, LoopbackServer, type TlsOptions } from './loopback-server.ts';

/** The name in every URL and certificate, and the address it stands for. */
export interface Host {
  name: string;
  address: string;
}

export interface KvsServicesOptions {
  context: CloudContext;
  things: ThingRegistry;
  signaling: KvsSignaling;
  host: Host;
  tls: TlsOptions;
  ice: IceServerSource;
  storage: StorageSessions;
}

/** The HTTPS and WSS servers, each with its own port; each can be stopped and started again on it. */
export class KvsServices {
  readonly credentialsProvider: LoopbackServer;
  readonly control: LoopbackServer;
  readonly data: LoopbackServer;
  readonly masterSignaling: LoopbackServer;
  readonly viewerSignaling: LoopbackServer;
  readonly #host: Host;

  constructor({ context, things, signaling, host, tls, ice, storage }: KvsServicesOptions) {
    this.#host = host;
    const https = (listener: RequestListener, options: TlsOptions = tls) =>
      new LoopbackServer(httpsServer(options).on('request', listener), host.address);
    const wss = (role: SignalingRole) => {
      const server = httpsServer(tls).on('request', (_, response) => response.writeHead(426).end());
      signaling.attach(server, role);
      return new LoopbackServer(server, host.address);
    };
    const endpoints = {
      https: () => this.dataEndpoint,
      webrtc: () => this.dataEndpoint,
      wss: (role: SignalingRole) => this.signalingEndpoint(role),
    };
    const provider = credentialsProvider(context, things);
    this.credentialsProvider = https(provider, { ...tls, requestCertificate: true });
    this.control = https(kvsControl(context, endpoints, signaling));
    this.data = https(kvsData(context, ice, storage));
    this.masterSignaling = wss('MASTER');
    this.viewerSignaling = wss('VIEWER');
  }

  get all(): LoopbackServer[] {
    return [this.credentialsProvider, this.control, this.data, this.masterSignaling, this.viewerSignaling];
  }

  get controlEndpoint(): string {
    return `https://${this.#authority(this.control)}`;
  }

  /** GetIceServerConfig and JoinStorageSession. */
  get dataEndpoint(): string {
    return `https://${this.#authority(this.data)}`;
  }

  /** `host:port`. */
  get credentialsEndpoint(): string {
    return this.#authority(this.credentialsProvider);
  }

  signalingEndpoint(role: SignalingRole): string {
    return `wss://${this.#authority(role === 'MASTER' ? this.masterSignaling : this.viewerSignaling)}`;
  }

  #authority(server: LoopbackServer): string {
    return `${this.#host.name}:${server.port}`;
  }
}
