import type { http, mqtt5 } from 'aws-iot-device-sdk-v2';
import { orAborted, within, type Clock } from '../runtime/clock.ts';
import { Operations } from '../runtime/operations.ts';
import { connectFailure, errorOf, lossOf, refusal, rethrow } from './mqtt-failures.ts';
import { proxyFor } from './proxy.ts';
import {
  RefusedError,
  type MessageHandler,
  type MqttSession,
  type MqttTransport,
  type Qos,
} from './mqtt-connection.ts';

export interface DirectMqttOptions {
  thingName: string;
  /** IoT Core data endpoint, `host[:port]`; port 8883 unless told, 443 works too (ALPN). */
  endpoint: string;
  certificatePath: string;
  privateKeyPath: string;
  /** Empty: the system's own list. */
  rootCaPath: string;
  /** HTTPS_PROXY and NO_PROXY, as curl reads them: a CONNECT tunnel. */
  proxyEnv?: Readonly<Record<string, string | undefined>>;
  clock: Clock;
}

const DEFAULT_PORT = 8883;
const KEEP_ALIVE_SECONDS = 60;
const PING_TIMEOUT_MS = 10_000;
/** TCP alone: a link that comes back is to be found soon. TLS and CONNACK may take longer on a slow one. */
const SOCKET_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_MS = 10_000;
const ACK_TIMEOUT_SECONDS = 10;
/** Together under a second, which is what closing may take. */
const GOODBYE_TIMEOUT_MS = 300;
const STOP_TIMEOUT_MS = 600;
/** The CRT client would reconnect by itself; the supervisor above does, with a new client and fresh files. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * MQTT 5 over mutual TLS, without the nucleus. The client id is `<thingName>-kvs`: with the thing's bare name it
 * would push the Greengrass nucleus off. A clean session: what was published while away is fetched, not replayed,
 * and a command is not run an hour late. Certificate and key are read at each connect, so a rotation needs no restart.
 * Presence on `kvs-webrtc/<thingName>/status`, a plain topic: AWS IoT ignores wills on `$aws` topics.
 */
export function directMqtt(options: DirectMqttOptions): MqttTransport {
  return { connect: (onMessage, signal) => connect(options, onMessage, signal) };
}

async function connect(
  options: DirectMqttOptions,
  onMessage: MessageHandler,
  signal: AbortSignal,
): Promise<MqttSession> {
  const { clock, endpoint, thingName } = options;
  const crt = await loadMqtt();
  const client = await newClient(options, crt);
  const lost = Promise.withResolvers<Error>();
  const connected = new Promise<void>((resolve, reject) => {
    client.on('connectionSuccess', () => resolve());
    client.on('connectionFailure', (event) => reject(connectFailure(event, options)));
    client.on('error', (error) => reject(errorOf(error)));
  });
  client.on('disconnection', (event) => lost.resolve(lossOf(event)));
  client.on('messageReceived', ({ message }) => onMessage(message.topicName, bytesOf(message.payload)));

  const session = new DirectSession(crt, client, clock, presenceTopic(thingName), lost.promise);
  client.start();
  try {
    await orAborted(signal, connected);
    signal.throwIfAborted();
    await within(
      clock,
      CONNECT_TIMEOUT_MS,
      `no answer from ${endpoint}`,
      session.announce('online', 'connected'),
    );
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

class DirectSession implements MqttSession {
  readonly lost: Promise<Error>;
  readonly #crt: Crt;
  readonly #client: mqtt5.Mqtt5Client;
  readonly #clock: Clock;
  readonly #presenceTopic: string;
  readonly #operations = new Operations();
  #online = false;
  #closing: Promise<void> | undefined;

  constructor(crt: Crt, client: mqtt5.Mqtt5Client, clock: Clock, topic: string, lost: Promise<Error>) {
    this.#crt = crt;
    this.#client = client;
    this.#clock = clock;
    this.#presenceTopic = topic;
    this.lost = lost;
    void this.#endWith(lost);
  }

  /** A courtesy: a policy that forbids it does no harm. */
  async announce(state: 'online' | 'offline', reason: string): Promise<void> {
    try {
      await this.publish(this.#presenceTopic, presence(state, reason), 1);
      this.#online = state === 'online';
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }

  async publish(topicName: string, payload: string, qos: Qos): Promise<void> {
    const { QoS, isSuccessfulPubackReasonCode } = this.#crt;
    const packet = { topicName, payload, qos: qos === 1 ? QoS.AtLeastOnce : QoS.AtMostOnce };
    const puback = await this.#operations.track(this.#client.publish(packet)).catch(rethrow);
    if (puback && !isSuccessfulPubackReasonCode(puback.reasonCode))
      throw refusal(`publishing to ${topicName}`, puback);
  }

  async subscribe(topicFilter: string): Promise<void> {
    const { QoS, isSuccessfulSubackReasonCode } = this.#crt;
    const packet = { subscriptions: [{ topicFilter, qos: QoS.AtLeastOnce }] };
    const { reasonCodes, reasonString } = await this.#operations
      .track(this.#client.subscribe(packet))
      .catch(rethrow);
    const [reasonCode] = reasonCodes;
    if (reasonCode === undefined || isSuccessfulSubackReasonCode(reasonCode)) return;
    throw refusal(`subscribing to ${topicFilter}`, { reasonCode, reasonString });
  }

  async unsubscribe(topicFilter: string): Promise<void> {
    await this.#operations.track(this.#client.unsubscribe({ topicFilters: [topicFilter] })).catch(rethrow);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #endWith(lost: Promise<Error>): Promise<void> {
    const reason = await lost;
    this.#online = false;
    this.#operations.abandon(reason);
  }

  async #close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => void this.#client.once('stopped', () => resolve()));
    // A clean DISCONNECT discards the will, so the goodbye is said in so many words.
    if (this.#online) {
      await within(this.#clock, GOODBYE_TIMEOUT_MS, 'no goodbye', this.announce('offline', 'stopped')).catch(
        () => {},
      );
    }
    // Without a packet it would only hang up.
    this.#client.stop({ reasonCode: this.#crt.DisconnectReasonCode.NormalDisconnection });
    await within(this.#clock, STOP_TIMEOUT_MS, 'not stopped', stopped).catch(() => {});
    this.#operations.abandon(new Error('the MQTT connection was closed'));
    this.#client.close();
  }
}

type Crt = typeof mqtt5;

/**
 * The library is loaded when it is first needed, and only its MQTT part: 60 ms and 14 MB; all of
 * aws-iot-device-sdk-v2 costs 100 ms and 26 MB.
 */
function loadMqtt(): Promise<Crt> {
  return import('aws-crt/dist/native/mqtt5.js');
}

async function newClient(options: DirectMqttOptions, crt: Crt): Promise<mqtt5.Mqtt5Client> {
  const { certificatePath, privateKeyPath, rootCaPath, thingName, proxyEnv = {} } = options;
  const { host, port } = hostAndPort(options.endpoint);
  const proxyUrl = proxyFor(host, proxyEnv);
  const { AwsIotMqtt5ClientConfigBuilder: Builder } = await import('aws-crt/dist/native/aws_iot_mqtt5.js');
  const { SocketOptions, SocketType, SocketDomain } = await import('aws-crt/dist/native/io.js');
  try {
    const builder = Builder.newDirectMqttBuilderWithMtlsFromPath(host, certificatePath, privateKeyPath)
      .withPort(port)
      .withConnectProperties({
        clientId: `${thingName}-kvs`,
        keepAliveIntervalSeconds: KEEP_ALIVE_SECONDS,
        will: {
          topicName: presenceTopic(thingName),
          payload: presence('offline', 'connection lost'),
          qos: crt.QoS.AtLeastOnce,
        },
      })
      .withSessionBehavior(crt.ClientSessionBehavior.Clean)
      .withOfflineQueueBehavior(crt.ClientOperationQueueBehavior.FailAllOnDisconnect)
      .withSocketOptions(new SocketOptions(SocketType.STREAM, SocketDomain.IPV4, SOCKET_TIMEOUT_MS))
      .withConnackTimeoutMs(CONNECT_TIMEOUT_MS)
      .withPingTimeoutMs(PING_TIMEOUT_MS)
      .withAckTimeoutSeconds(ACK_TIMEOUT_SECONDS)
      .withMinReconnectDelayMs(NEVER_MS)
      .withMaxReconnectDelayMs(NEVER_MS);
    if (rootCaPath) builder.withCertificateAuthorityFromPath(undefined, rootCaPath);
    if (proxyUrl) builder.withHttpProxyOptions(await tunnelThrough(proxyUrl));
    return new crt.Mqtt5Client(builder.build());
  } catch (cause) {
    const files = [certificatePath, privateKeyPath, rootCaPath].filter(Boolean).join(', ');
    throw new Error(`no MQTT connection: cannot use ${files} (device.*Path)`, { cause });
  }
}

async function tunnelThrough(proxyUrl: string): Promise<http.HttpProxyOptions> {
  const crt = await import('aws-crt/dist/native/http.js');
  const { hostname, port, username, password } = new URL(proxyUrl);
  const { HttpProxyAuthenticationType: Authentication, HttpProxyConnectionType } = crt;
  return new crt.HttpProxyOptions(
    hostname,
    Number(port || 80),
    username ? Authentication.Basic : Authentication.None,
    decodeURIComponent(username),
    decodeURIComponent(password),
    undefined,
    HttpProxyConnectionType.Tunneling,
  );
}

function hostAndPort(endpoint: string): { host: string; port: number } {
  const { hostname, port } = new URL(`mqtt://${endpoint}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port ? Number(port) : DEFAULT_PORT };
}

function presenceTopic(thingName: string): string {
  return `kvs-webrtc/${thingName}/status`;
}

function presence(state: 'online' | 'offline', reason: string): string {
  return JSON.stringify({ state, reason });
}

/** The library gives an ArrayBuffer, for an empty payload one that is detached and cannot be viewed. */
function bytesOf(payload: mqtt5.Payload | undefined): Uint8Array {
  return payload instanceof ArrayBuffer && payload.byteLength > 0
    ? new Uint8Array(payload)
    : new Uint8Array();
}
