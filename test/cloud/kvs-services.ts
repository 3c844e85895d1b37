import type { RequestListener } from 'node:http';
import type { SignalingRole } from './channels.ts';
import type { CloudContext } from './context.ts';
import { credentialsProvider, type ThingRegistry } from './credentials-provider.ts';
import { kvsControl } from './kvs-control.ts';
import { kvsData, type IceServerSource, type StorageSessions } from './kvs-data.ts';
import type { KvsSignaling } from './kvs-signaling.ts';
import { httpsServer, LoopbackServer, type TlsOptions } from './loopback-server.ts';

/** The name in a URL and a certificate, and the address it stands for. */
export interface Host {
  name: string;
  address: string;
  /** Default: any free one. */
  port?: number;
}

export type KvsServiceName =
  'credentialsProvider' | 'control' | 'data' | 'masterSignaling' | 'viewerSignaling';

export interface KvsServicesOptions {
  context: CloudContext;
  things: ThingRegistry;
  signaling: KvsSignaling;
  host: (service: KvsServiceName) => Host;
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
  readonly #host: (service: KvsServiceName) => Host;

  constructor({ context, things, signaling, host, tls, ice, storage }: KvsServicesOptions) {
    this.#host = host;
    const https = (name: KvsServiceName, listener: RequestListener, options: TlsOptions = tls) => {
      const { address, port } = host(name);
      return new LoopbackServer(httpsServer(options).on('request', listener), address, port);
    };
    const wss = (name: KvsServiceName, role: SignalingRole) => {
      const { address, port } = host(name);
      const server = httpsServer(tls).on('request', (_, response) => response.writeHead(426).end());
      signaling.attach(server, role);
      return new LoopbackServer(server, address, port);
    };
    const endpoints = {
      https: () => this.dataEndpoint,
      webrtc: () => this.dataEndpoint,
      wss: (role: SignalingRole) => this.signalingEndpoint(role),
    };
    const provider = credentialsProvider(context, things);
    const withClientCertificate = { ...tls, requestCertificate: true };
    this.credentialsProvider = https('credentialsProvider', provider, withClientCertificate);
    this.control = https('control', kvsControl(context, endpoints, signaling));
    this.data = https('data', kvsData(context, ice, storage));
    this.masterSignaling = wss('masterSignaling', 'MASTER');
    this.viewerSignaling = wss('viewerSignaling', 'VIEWER');
  }

  get all(): LoopbackServer[] {
    return [this.credentialsProvider, this.control, this.data, this.masterSignaling, this.viewerSignaling];
  }

  get controlEndpoint(): string {
    return `https://${this.#authority('control')}`;
  }

  /** GetIceServerConfig and JoinStorageSession. */
  get dataEndpoint(): string {
    return `https://${this.#authority('data')}`;
  }

  /** `host:port`. */
  get credentialsEndpoint(): string {
    return this.#authority('credentialsProvider');
  }

  signalingEndpoint(role: SignalingRole): string {
    return `wss://${this.#authority(role === 'MASTER' ? 'masterSignaling' : 'viewerSignaling')}`;
  }

  #authority(service: KvsServiceName): string {
    return `${this.#host(service).name}:${this[service].port}`;
  }
}
