import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { Channels, type Channel } from './channels.ts';
import type { CloudContext } from './context.ts';
import { ThingRegistry } from './credentials-provider.ts';
import { CredentialsStore, type StoredCredentials } from './credentials-store.ts';
import { EventLog } from './event-log.ts';
import { awsLimits, Faults, type Limits } from './faults.ts';
import type { IotCore } from './iot-core.ts';
import type { IceServer } from './kvs-data.ts';
import { KvsServices, type Host, type KvsServiceName } from './kvs-services.ts';
import { KvsSignaling } from './kvs-signaling.ts';
import { StorageService } from './storage/storage-service.ts';
import { Streams } from './streams.ts';
import { fingerprint, Pki, type CertificateFiles, type Validity } from './pki.ts';
import { Turn } from './turn.ts';

export interface LocalCloudOptions {
  region?: string;
  /** Kept, with its keys and certificates, for the next start; default: a temporary one that `close` removes. */
  directory?: string;
  /** Default: localhost, 127.0.0.1. */
  host?: Host;
  /** Services with a host of their own. */
  hosts?: Partial<Record<KvsServiceName | 'turn', Host>>;
  limits?: Partial<Limits>;
  /** MQTT and shadows (mosquitto). */
  iotCore?: boolean;
  /** GetIceServerConfig hands out TURN servers (coturn); else none. */
  turn?: boolean;
}

/** A thing with its certificate, as the agent's `device` settings name it. */
export interface Device extends CertificateFiles {
  thingName: string;
  rootCaPath: string;
}

/** What a viewer needs; `endpoint` is `wss://…`. */
export interface ViewerConnection {
  channelARN: string;
  endpoint: string;
  region: string;
  clientId: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  iceServers: IceServer[];
}

const ROLE_ALIAS = 'kvs-webrtc-role-alias';

/** Kinesis Video Streams, the IoT credentials provider and IoT Core on one machine, over their real protocols. */
export class LocalCloud {
  readonly context: CloudContext;
  readonly things = new ThingRegistry();
  readonly signaling: KvsSignaling;
  readonly pki: Pki;
  readonly directory: string;
  readonly roleAlias = ROLE_ALIAS;
  /** A user's long-lived keys: what viewers sign with. */
  readonly viewerCredentials: StoredCredentials;
  /** Each can be stopped and started again on its port. */
  readonly services: KvsServices;
  /** The other side of JoinStorageSession, and what it recorded. */
  readonly storage: StorageService;
  #iotCore: IotCore | undefined;
  #turn: Turn | undefined;
  readonly #host: Host;
  readonly #hosts: NonNullable<LocalCloudOptions['hosts']>;
  readonly #server: CertificateFiles;
  readonly #temporary: boolean;
  #certificates = 0;

  constructor(options: LocalCloudOptions, pki: Pki, directory: string, server: CertificateFiles) {
    const region = options.region ?? 'us-west-2';
    this.pki = pki;
    this.directory = directory;
    this.#server = server;
    this.#temporary = options.directory === undefined;
    this.#host = options.host ?? { name: 'localhost', address: '127.0.0.1' };
    this.#hosts = options.hosts ?? {};
    this.context = {
      region,
      limits: { ...awsLimits(), ...options.limits },
      faults: new Faults(),
      events: new EventLog(),
      credentials: new CredentialsStore(),
      channels: new Channels(region),
      streams: new Streams(region),
    };
    this.things.roleAliases.add(ROLE_ALIAS);
    this.viewerCredentials = this.context.credentials.addUser();
    this.signaling = new KvsSignaling(this.context);
    this.storage = new StorageService(this.context, this.signaling);
    this.signaling.storage = this.storage;
    this.services = new KvsServices({
      context: this.context,
      things: this.things,
      signaling: this.signaling,
      host: (service) => this.#hosts[service] ?? this.#host,
      tls: { ...server, caPath: pki.caPath },
      ice: { iceServers: () => this.#iceServers() },
      storage: this.storage,
    });
  }

  get events(): EventLog {
    return this.context.events;
  }

  get faults(): Faults {
    return this.context.faults;
  }

  get limits(): Limits {
    return this.context.limits;
  }

  get caPath(): string {
    return this.pki.caPath;
  }

  get controlEndpoint(): string {
    return this.services.controlEndpoint;
  }

  /** `host:port`, as the agent's `credentials.endpoint`. */
  get credentialsEndpoint(): string {
    return this.services.credentialsEndpoint;
  }

  /** Throws where the cloud was started without it. */
  get iot(): IotCore {
    if (!this.#iotCore) throw new Error('the local cloud was started without iotCore');
    return this.#iotCore;
  }

  /** Undefined where the cloud was started without it. */
  get iotIfAny(): IotCore | undefined {
    return this.#iotCore;
  }

  get turn(): Turn {
    if (!this.#turn) throw new Error('the local cloud was started without turn');
    return this.#turn;
  }

  createChannel(name: string, messageTtlSeconds?: number): Channel {
    return this.context.channels.create(name, messageTtlSeconds);
  }

  /** Registers a thing; called again, it gives the thing one more certificate, as before a rotation. */
  async createDevice(thingName: string, validity?: Validity): Promise<Device> {
    const fileName = `${thingName}-${process.pid}-${++this.#certificates}`;
    const files = await this.pki.client(thingName, fileName, validity);
    this.things.register(fingerprint(files.certificatePath), thingName);
    return { thingName, rootCaPath: this.caPath, ...files };
  }

  /** A device whose certificate comes from a CA that the cloud does not trust. */
  async createForeignDevice(thingName: string): Promise<Device> {
    const foreign = await Pki.open(join(this.directory, 'foreign'), 'Foreign CA');
    return { thingName, rootCaPath: this.caPath, ...(await foreign.client(thingName)) };
  }

  /** What is added to the agent's environment: settings that any user has. */
  agentEnvironment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL_KINESIS_VIDEO: this.controlEndpoint,
      NODE_EXTRA_CA_CERTS: this.caPath,
      AWS_REGION: this.context.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** A configuration document for the agent; `settings` (`cameras`, `stateDirectory`, …) are added as they are. */
  agentConfig<T extends object>(device: Device, settings: T) {
    const { thingName, certificatePath, privateKeyPath, rootCaPath } = device;
    return {
      // There is no STUN server of the region's here, and nothing is to be asked outside of this machine.
      aws: { region: this.context.region, useStun: false },
      device: { thingName, certificatePath, privateKeyPath, rootCaPath },
      credentials: { source: 'x509', endpoint: this.credentialsEndpoint, roleAlias: ROLE_ALIAS },
      mqtt: this.#iotCore
        ? { transport: 'direct', endpoint: this.#iotCore.endpoint }
        : { transport: 'off', endpoint: '' },
      ...settings,
    };
  }

  /** Throws where there is no such channel. */
  viewerConnection(channelName: string, clientId: string = randomUUID()): ViewerConnection {
    const channel = this.context.channels.byName(channelName);
    if (!channel) throw new Error(`no channel ${channelName}`);
    const { accessKeyId, secretAccessKey } = this.viewerCredentials;
    return {
      channelARN: channel.arn,
      endpoint: this.services.signalingEndpoint('VIEWER'),
      region: this.context.region,
      clientId,
      credentials: { accessKeyId, secretAccessKey },
      iceServers: this.#iceServers(),
    };
  }

  /** Makes this process trust the cloud's CA, as NODE_EXTRA_CA_CERTS does at a process's start. */
  trust(): void {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(this.caPath, 'utf8')]);
  }

  /** Every service comes (back) up, on its port. */
  async start(): Promise<void> {
    await Promise.all(this.#all().map((service) => service.start()));
  }

  /** Every service goes away and cuts its connections. */
  async stop(): Promise<void> {
    await Promise.all(this.#all().map((service) => service.stop()));
  }

  async close(): Promise<void> {
    this.storage.close();
    await this.#iotCore?.close();
    this.#iotCore = undefined;
    await this.stop();
    if (this.#temporary) rmSync(this.directory, { recursive: true, force: true });
  }

  async startPrograms({ iotCore, turn }: LocalCloudOptions): Promise<void> {
    const { directory, context, pki } = this;
    const host = this.#host;
    const startIotCore = async () => {
      // Loaded where it is needed only: the native MQTT client takes its time.
      const iot = await import('./iot-core.ts');
      this.#iotCore = await iot.IotCore.start(context, pki, this.#server, { directory, host });
    };
    const startTurn = async () => {
      const { address, port: tlsPort } = this.#hosts.turn ?? host;
      const options = { ...this.#server, directory: join(directory, 'turn'), address };
      this.#turn = await Turn.start({ ...options, ...(tlsPort === undefined ? {} : { tlsPort }) });
    };
    await Promise.all([iotCore ? startIotCore() : undefined, turn ? startTurn() : undefined]);
  }

  #all(): { start(): Promise<void>; stop(): Promise<void> }[] {
    const programs = [this.#iotCore, this.#turn].filter((program) => program !== undefined);
    return [...this.services.all, ...programs];
  }

  #iceServers(): IceServer[] {
    return this.#turn?.iceServers(this.limits.iceTtlSeconds) ?? [];
  }
}

export async function startLocalCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'kvs-local-cloud-'));
  const pki = await Pki.open(join(directory, 'pki'));
  const hosts = [options.host, ...Object.values(options.hosts ?? {})].filter((host) => host !== undefined);
  const own = hosts.flatMap(({ name, address }) => [name, address]);
  const names = new Set(['localhost', '127.0.0.1', '::1', ...own]);
  const cloud = new LocalCloud(options, pki, directory, await pki.server([...names]));
  try {
    await cloud.start();
    await cloud.startPrograms(options);
    return cloud;
  } catch (error) {
    await cloud.close();
    throw error;
  }
}
