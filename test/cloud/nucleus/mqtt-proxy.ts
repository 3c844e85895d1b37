import { authorize } from './access-control.ts';
import type { Broker } from './broker.ts';
import type { ConfigStore } from './config-store.ts';
import { IpcError, type Operation } from './ipc-session.ts';

/** Lite drops larger messages on their way in, without a word. */
const LITE_INBOUND_BYTES = 5000;
/** IoT Core's. */
const MAX_PAYLOAD_BYTES = 128 * 1024;
const SERVICE = 'aws.greengrass.ipc.mqttproxy';

/** PublishToIoTCore and SubscribeToIoTCore. Classic keeps what it cannot send; lite refuses it at once. */
export class MqttProxy {
  readonly operations: Record<string, Operation>;
  readonly #broker: Broker;
  readonly #configs: ConfigStore;
  readonly #isLite: boolean;
  #spool: { topic: string; payload: Buffer }[] = [];

  constructor(broker: Broker, configs: ConfigStore, isLite: boolean) {
    this.#broker = broker;
    this.#configs = configs;
    this.#isLite = isLite;
    broker.onConnect(() => this.#flush());
    this.operations = {
      PublishToIoTCore: (request, { component }) => this.#publish(request, component),
      SubscribeToIoTCore: async (request, stream) => {
        const filter = this.#topic(request, stream.component, 'SubscribeToIoTCore');
        const stop = await broker.subscribe(filter, (topic, payload) => {
          if (isLite && topic.length + payload.length > LITE_INBOUND_BYTES) return;
          const message = { topicName: topic, payload: payload.toString('base64') };
          stream.send('IoTCoreMessage', { message });
        });
        stream.onEnd(stop);
        return {};
      },
    };
  }

  async #publish(request: Record<string, unknown>, component: string): Promise<object> {
    const topic = this.#topic(request, component, 'PublishToIoTCore');
    const payload = Buffer.from(typeof request.payload === 'string' ? request.payload : '', 'base64');
    if (payload.length > MAX_PAYLOAD_BYTES) throw new IpcError('ServiceError', 'The message is too large');
    if (this.#isLite) {
      await this.#broker.publish(topic, payload).catch((error: unknown) => {
        throw new IpcError('ServiceError', `Failed to publish: ${String(error)}`);
      });
    } else {
      this.#spool.push({ topic, payload });
      if (this.#broker.isConnected) this.#flush();
    }
    return {};
  }

  #topic(request: Record<string, unknown>, component: string, operation: string): string {
    const { topicName } = request;
    if (typeof topicName !== 'string' || topicName === '') {
      throw new IpcError(this.#isLite ? 'ServiceError' : 'InvalidArgumentsError', 'Topic cannot be null');
    }
    const configuration = this.#configs.of(component);
    authorize(component, configuration, { service: SERVICE, operation, resource: topicName });
    return topicName;
  }

  #flush(): void {
    for (const message of this.#spool.splice(0)) {
      // Lost again: back into the spool, for the next connection.
      this.#broker.publish(message.topic, message.payload).catch(() => void this.#spool.push(message));
    }
  }
}
