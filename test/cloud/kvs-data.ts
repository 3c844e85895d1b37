import type { RequestListener } from 'node:http';
import type { Channel } from './channels.ts';
import type { CloudContext } from './context.ts';
import { channelNameIn, findChannel } from './kvs-control.ts';
import { restApi, type JsonObject, type Route } from './rest-api.ts';
import { ServiceError } from './service-error.ts';

/** One entry of GetIceServerConfig's answer. */
export interface IceServer {
  Uris: string[];
  Username: string;
  Password: string;
  Ttl: number;
}

export interface IceServerSource {
  /** Fresh credentials at each call; empty without TURN. */
  iceServers(): IceServer[];
}

export interface StorageSessions {
  /** A master asked to be recorded: the storage side sends it an offer. Throws what it refuses with. */
  join(channel: Channel): void;
}

/**
 * A channel's HTTPS and WEBRTC endpoints.
 * https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_Operations_Amazon_Kinesis_Video_Signaling_Channels.html
 */
export function kvsData(
  context: CloudContext,
  ice: IceServerSource,
  storage: StorageSessions,
): RequestListener {
  const route = (operation: Route['operation'], handle: Route['handle']): Route => ({
    operation,
    handle,
    resource: (body) => channelNameIn(context, body),
  });
  return restApi(
    new Map([
      [
        '/v1/get-ice-server-config',
        route('GetIceServerConfig', (body) => {
          findChannel(context, body);
          return { IceServerList: ice.iceServers() };
        }),
      ],
      [
        '/joinStorageSession',
        route('JoinStorageSession', (body: JsonObject) => {
          const channel = findChannel(context, body);
          if (!channel.storageStreamArn) {
            throw new ServiceError(400, 'InvalidArgumentException', 'Media storage is not enabled.');
          }
          storage.join(channel);
          return {};
        }),
      ],
    ]),
    context,
  );
}
