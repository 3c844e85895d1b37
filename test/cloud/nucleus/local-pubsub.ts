import { authorize, globMatches } from './access-control.ts';
import { valueAt, type ConfigStore } from './config-store.ts';
import { IpcError, type IpcStream, type Operation } from './ipc-session.ts';

const SERVICE = 'aws.greengrass.ipc.pubsub';

/** PublishToTopic and SubscribeToTopic: between components of this device. Resources are matched by `*` alone, as on lite. */
export class LocalPubSub {
  readonly operations: Record<string, Operation>;
  readonly #configs: ConfigStore;
  readonly #subscribers = new Map<string, Set<IpcStream>>();

  constructor(configs: ConfigStore) {
    this.#configs = configs;
    this.operations = {
      PublishToTopic: ({ topic, publishMessage }, { component }) => {
        const to = this.#authorized(topic, component, 'PublishToTopic');
        const event = eventOf(publishMessage, to);
        for (const stream of this.#subscribers.get(to) ?? [])
          stream.send('SubscriptionResponseMessage', event);
        return {};
      },
      SubscribeToTopic: ({ topic }, stream) => {
        const from = this.#authorized(topic, stream.component, 'SubscribeToTopic');
        const streams = this.#subscribers.get(from) ?? new Set();
        this.#subscribers.set(from, streams.add(stream));
        stream.onEnd(() => streams.delete(stream));
        return { topicName: from };
      },
    };
  }

  #authorized(topic: unknown, component: string, operation: string): string {
    if (typeof topic !== 'string' || topic === '')
      throw new IpcError('ServiceError', 'Received invalid parameters.');
    const asked = { service: SERVICE, operation, resource: topic };
    authorize(component, this.#configs.of(component), asked, globMatches);
    return topic;
  }
}

/** Exactly one of a JSON and a binary message. */
function eventOf(publishMessage: unknown, topic: string): object {
  for (const kind of ['jsonMessage', 'binaryMessage']) {
    const message = valueAt(publishMessage, [kind, 'message']);
    if (message !== undefined) return { [kind]: { message, context: { topic } } };
  }
  throw new IpcError('ServiceError', 'Received invalid parameters.');
}
