import { X509Certificate } from 'node:crypto';
import { Agent as HttpsAgent } from 'node:https';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { cameraTrial, ffmpegCheck } from './camera-checks.ts';
import { ffmpegAt } from './camera/ffmpeg-probe.ts';
import type { AgentConfig } from './config/config.ts';
import { certificateFinding } from './doctor/certificate-verdict.ts';
import { listDevices } from './doctor/devices.ts';
import { checkDisk } from './doctor/disk.ts';
import { found, type Check, type Finding } from './doctor/finding.ts';
import { compareClock, reach, reachProxy, type Place } from './doctor/network.ts';
import { scan } from './doctor/scan.ts';
import { errorText } from './errors.ts';
import { readIdentity, readIdentityFile } from './identity/certificate.ts';
import { chooseCredentials } from './identity/choose-credentials.ts';
import { CachedCredentials } from './identity/credentials.ts';
import { directMqtt } from './iot/direct-mqtt.ts';
import { proxyFor } from './iot/proxy.ts';
import type { Log } from './log.ts';
import { relayCheck } from './relay-check.ts';
import { within, type Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { AwsControlPlane } from './signaling/aws-control-plane.ts';
import { ClockSkew } from './signaling/clock-skew.ts';
import { controlHost, type IceServer } from './signaling/control-plane.ts';

export interface DeviceCheckOptions {
  config: AgentConfig;
  env: NodeJS.ProcessEnv;
  /** Look for cameras on the local network. */
  scan: boolean;
  clock: Clock;
  random: Random;
  log: Log;
  signal: AbortSignal;
}

const MQTT_PORT = 8883;
const MQTT_TIMEOUT_MS = 10_000;
const IPC_SOCKET = 'AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT';

/** Everything that `doctor` looks at, from the device outwards. What it asks of the cloud it asks as the agent does. */
export function deviceChecks(options: DeviceCheckOptions): Check[] {
  const { config, clock, signal } = options;
  const ffmpeg = ffmpegAt(config.ffmpeg.path, clock);
  const cloud = new CloudChecks(options);
  return [
    { name: 'disk', run: () => checkDisk(config.stateDirectory) },
    { name: 'ipc', run: () => checkIpc(options) },
    { name: 'ffmpeg', run: () => ffmpegCheck(options), cure: 'install ffmpeg (Debian: apt install ffmpeg)' },
    {
      name: 'devices',
      run: () => listDevices({ formatsOf: (device) => ffmpeg.v4l2Formats(device).catch(() => []) }),
    },
    ...Object.entries(config.cameras).map(([name, camera]) => ({
      name: `camera ${name}`,
      run: () => cameraTrial(name, camera, options),
    })),
    { name: 'certificate', run: () => checkIdentity(options), cure: 'see device.* in the configuration' },
    { name: 'clock', run: () => compareClock(new URL(controlEndpoint(options)), clock) },
    { name: 'network', run: () => checkNetwork(options) },
    { name: 'credentials', run: () => cloud.credentials() },
    ...Object.entries(config.cameras).map(([name, { channelName }]) => ({
      name: `channel ${name}`,
      run: () => cloud.channel(name, channelName),
    })),
    { name: 'mqtt', run: () => checkMqtt(options) },
    ...(options.scan
      ? [{ name: 'scan', run: () => scan({ interfaces: networkInterfaces(), clock, signal }) }]
      : []),
  ];
}

/** What needs credentials. */
class CloudChecks {
  readonly #options: DeviceCheckOptions;
  readonly #provider: Promise<CachedCredentials>;
  readonly #ready: Promise<unknown>;

  constructor(options: DeviceCheckOptions) {
    this.#options = options;
    const { config, env, clock, random, log } = options;
    this.#provider = chooseCredentials({ config, env, clock, log }).then(
      (source) => new CachedCredentials({ source, clock, random, log }),
    );
    this.#ready = this.#provider.then((provider) => provider.get());
    // Told by the check of the credentials.
    this.#ready.catch(() => {});
  }

  async credentials(): Promise<Finding[]> {
    const setting = this.#options.config.credentials.source;
    try {
      await this.#ready;
      const { source, remainingMs } = (await this.#provider).status();
      const minutes = remainingMs === undefined ? '' : `, valid for ${Math.round(remainingMs / 60_000)} min`;
      return [found('credentials', 'pass', `from ${source} (${setting})${minutes}`)];
    } catch (error) {
      return [found('credentials', 'fail', errorText(error), credentialsCure(errorText(error)))];
    }
  }

  async channel(name: string, channelName: string): Promise<Finding[]> {
    const check = `channel ${name}`;
    const provider = await this.#provider.catch(() => undefined);
    const ready = await this.#ready.then(
      () => true,
      () => false,
    );
    if (!provider || !ready) return [found(check, 'skip', `${channelName}: needs credentials`)];
    const { config, env, clock } = this.#options;
    const agent = new HttpsAgent({ proxyEnv: env });
    const plane = new AwsControlPlane({
      ...config.aws,
      agent,
      credentials: provider,
      skew: new ClockSkew(clock),
      clock,
    });
    try {
      const arn = await plane.describeChannel(channelName);
      const { https } = await plane.getEndpoints(arn, false);
      const { servers } = await plane.getIceServers(arn, https);
      return [found(check, 'pass', arn), ...(await this.#relays(name, servers))];
    } catch (error) {
      return [found(check, 'fail', errorText(error), channelCure(errorText(error), channelName))];
    } finally {
      plane.close();
      agent.destroy();
    }
  }

  #relays(name: string, servers: readonly IceServer[]): Promise<Finding[]> {
    const { config, env, clock, log } = this.#options;
    const ice = config.cameras[name]?.ice;
    if (!ice) return Promise.resolve([]);
    const proxy = (host: string) => proxyFor(host, env);
    return relayCheck(`relay ${name}`, servers, { ice, proxyFor: proxy, clock, log });
  }
}

async function checkIdentity({ config, clock }: DeviceCheckOptions): Promise<Finding[]> {
  const { certificatePath, rootCaPath } = config.device;
  const findings: Finding[] = [];
  if (certificatePath === '')
    findings.push(found('certificate', 'skip', 'device.certificatePath is not set'));
  else findings.push(certificateFinding(await readIdentity(config.device), clock.now()));
  if (rootCaPath !== '') {
    const { subject } = new X509Certificate(await readIdentityFile(rootCaPath, 'device.rootCaPath'));
    findings.push(found('root CA', 'pass', subject.replaceAll('\n', ', ')));
  }
  return findings;
}

async function checkNetwork(options: DeviceCheckOptions): Promise<Finding[]> {
  const { config, env, clock } = options;
  const { rootCaPath } = config.device;
  const ca =
    rootCaPath === ''
      ? undefined
      : await readIdentityFile(rootCaPath, 'device.rootCaPath').catch(() => undefined);
  const { hostname, port } = new URL(controlEndpoint(options));
  const places: Place[] = [
    { name: 'video endpoint', host: hostname, port: Number(port || 443), setting: 'aws.region' },
    ...place('credentials endpoint', config.credentials.endpoint, 443, 'credentials.endpoint', ca),
    ...place('mqtt endpoint', config.mqtt.endpoint, MQTT_PORT, 'mqtt.endpoint', ca),
  ];
  const findings = await Promise.all(
    places.map((each) => {
      const proxy = proxyFor(each.host, env);
      return proxy === undefined ? reach(each, clock) : reachProxy(proxy, clock);
    }),
  );
  return findings.flat();
}

function place(name: string, endpoint: string, defaultPort: number, setting: string, ca?: Buffer): Place[] {
  if (endpoint === '') return [];
  const { hostname, port } = new URL(`tcp://${endpoint}`);
  return [{ name, host: hostname, port: Number(port || defaultPort), setting, ...(ca && { ca }) }];
}

/** Connects as the agent does: one that is running loses its connection for a moment. */
async function checkMqtt({ config, env, clock, signal }: DeviceCheckOptions): Promise<Finding[]> {
  const { mqtt, device } = config;
  if (mqtt.transport === 'off' || mqtt.transport === 'ipc' || mqtt.endpoint === '')
    return [found('mqtt', 'skip', `mqtt.transport is ${mqtt.transport}, without a connection of its own`)];
  try {
    const transport = directMqtt({ ...device, endpoint: mqtt.endpoint, proxyEnv: env, clock });
    const session = await within(
      clock,
      MQTT_TIMEOUT_MS,
      'no connection',
      transport.connect(() => {}, signal),
    );
    await session.close();
    return [found('mqtt', 'pass', `${mqtt.endpoint} accepts ${device.thingName}-kvs`)];
  } catch (error) {
    const cure = `is the certificate active, and does its IoT policy allow iot:Connect as client/${device.thingName}-kvs? Is mqtt.endpoint the Data-ATS endpoint?`;
    return [found('mqtt', 'fail', errorText(error), cure)];
  }
}

async function checkIpc({ env, clock }: DeviceCheckOptions): Promise<Finding[]> {
  const path = env[IPC_SOCKET];
  if (path === undefined) return [found('ipc', 'skip', 'not started by the Greengrass nucleus')];
  const socket = connect(path);
  try {
    const opened = new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.on('error', reject);
    });
    await within(clock, MQTT_TIMEOUT_MS, 'no answer', opened);
    return [found('ipc', 'pass', 'the nucleus answers')];
  } catch (error) {
    const cure = 'is the nucleus running? systemctl status greengrass (or greengrass-lite.target)';
    return [found('ipc', 'fail', `${path}: ${errorText(error)}`, cure)];
  } finally {
    socket.destroy();
  }
}

function controlEndpoint({ config, env }: DeviceCheckOptions): string {
  const { endpoint, region } = config.aws;
  return endpoint || env['AWS_ENDPOINT_URL_KINESIS_VIDEO'] || `https://${controlHost(region, config.aws)}`;
}

function credentialsCure(text: string): string {
  if (/answered 403/.test(text))
    return 'see that the certificate is active, attached to the thing, and that its policy allows the role alias';
  if (/role alias/.test(text)) return 'check credentials.roleAlias and the policy of the certificate';
  if (/clock/.test(text)) return "set the device's clock: timedatectl set-ntp true";
  if (/does not belong|not a PEM|does not exist|may not be read|PKCS/.test(text))
    return 'see the certificate above: device.certificatePath and device.privateKeyPath must name a readable, matching pair';
  if (/CA is not trusted|rootCaPath/.test(text))
    return 'set device.rootCaPath to the CA of AWS IoT (AmazonRootCA1.pem)';
  return 'check credentials.*, the network above, and that the certificate is active';
}

function channelCure(text: string, channelName: string): string {
  if (/ 404|NotFound/.test(text))
    return `create it: aws kinesisvideo create-signaling-channel --channel-name ${channelName}, or set aws.createChannel`;
  if (/ 403|AccessDenied|denied/i.test(text))
    return `the role needs kinesisvideo:DescribeSignalingChannel, GetSignalingChannelEndpoint, GetIceServerConfig and ConnectAsMaster on ${channelName}; and the clock must be right`;
  return 'check aws.region and the network above';
}
