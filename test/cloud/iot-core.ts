import { join } from 'node:path';
import type { CloudContext } from './context.ts';
import type { Host } from './kvs-services.ts';
import { Mosquitto } from './mosquitto.ts';
import { MqttClient } from './mqtt-client.ts';
import type { CertificateFiles, Pki } from './pki.ts';
import { ShadowService } from './shadow-service.ts';

const SERVICE_NAME = 'iot-core';

/** AWS IoT Core: the message broker and the Device Shadow service behind it. */
export class IotCore {
  readonly shadows: ShadowService;
  /** May publish and subscribe to everything, as a user of the cloud. */
  readonly mqtt: MqttClient;
  /** `host:port`, as the agent's `mqtt.endpoint`. */
  readonly endpoint: string;
  readonly #broker: Mosquitto;

  private constructor(context: CloudContext, broker: Mosquitto, mqtt: MqttClient, endpoint: string) {
    this.#broker = broker;
    this.mqtt = mqtt;
    this.endpoint = endpoint;
    this.shadows = new ShadowService(context, mqtt);
  }

  static async start(
    context: CloudContext,
    pki: Pki,
    server: CertificateFiles,
    { directory, host }: { directory: string; host: Host },
  ): Promise<IotCore> {
    const { caPath } = pki;
    const [broker, service] = await Promise.all([
      Mosquitto.start({
        ...server,
        caPath,
        directory: join(directory, 'mosquitto'),
        address: host.address,
        serviceName: SERVICE_NAME,
      }),
      pki.client(SERVICE_NAME),
    ]);
    const { port } = broker;
    const mqtt = new MqttClient({ ...service, caPath, port, hostName: host.address, clientId: SERVICE_NAME });
    const iot = new IotCore(context, broker, mqtt, `${host.name}:${port}`);
    mqtt.start();
    await iot.shadows.start();
    return iot;
  }

  /** After `stop`: on the same port, every shadow as it was. */
  async start(): Promise<void> {
    await this.#broker.start();
    await this.mqtt.connected;
  }

  /** The broker goes away and cuts every client. */
  async stop(): Promise<void> {
    const lost = this.mqtt.disconnected;
    await this.#broker.stop();
    await lost;
  }

  async close(): Promise<void> {
    await this.mqtt.close();
    await this.#broker.stop();
  }
}
