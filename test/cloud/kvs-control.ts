import type { RequestListener } from 'node:http';
import type { Channel, SignalingRole } from './channels.ts';
import type { CloudContext } from './context.ts';
import { streamRoutes } from './kvs-streams.ts';
import { isObject, restApi, type JsonObject, type Route } from './rest-api.ts';
import { ServiceError } from './service-error.ts';

/** Where clients of a channel are sent. */
export interface DataEndpoints {
  https(): string;
  webrtc(): string;
  wss(role: SignalingRole): string;
}

export interface ChannelCloser {
  /** Ends every connection of a deleted channel. */
  closeChannel(name: string): void;
}

const NAME = /^[a-zA-Z0-9_.-]{1,256}$/;

/**
 * The control plane of Kinesis Video Streams, as far as WebRTC goes.
 * https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_Operations_Amazon_Kinesis_Video_Streams.html
 */
export function kvsControl(
  context: CloudContext,
  endpoints: DataEndpoints,
  closer: ChannelCloser,
): RequestListener {
  const { channels } = context;
  const find = (body: JsonObject) => findChannel(context, body);
  const route = (operation: Route['operation'], handle: Route['handle']): Route => ({
    operation,
    handle,
    resource: (body) => channelNameIn(context, body),
  });
  return restApi(
    new Map([
      ...streamRoutes(context),
      [
        '/createSignalingChannel',
        route('CreateSignalingChannel', (body) => {
          const name = text(body, 'ChannelName');
          if (!NAME.test(name)) throw invalid('ChannelName must match [a-zA-Z0-9_.-]{1,256}');
          if (channels.byName(name)) {
            throw new ServiceError(400, 'ResourceInUseException', `The channel ${name} already exists.`);
          }
          return { ChannelARN: channels.create(name, messageTtl(body)).arn };
        }),
      ],
      ['/describeSignalingChannel', route('DescribeSignalingChannel', (body) => describe(find(body)))],
      [
        '/deleteSignalingChannel',
        route('DeleteSignalingChannel', (body) => {
          const channel = find(body);
          const version = text(body, 'CurrentVersion');
          if (version && version !== channel.version) {
            throw new ServiceError(400, 'VersionMismatchException', 'The version is not the current one.');
          }
          channels.delete(channel.name);
          closer.closeChannel(channel.name);
          return {};
        }),
      ],
      [
        '/getSignalingChannelEndpoint',
        route('GetSignalingChannelEndpoint', (body) => {
          find(body);
          return { ResourceEndpointList: endpointList(endpoints, body) };
        }),
      ],
      [
        '/describeMediaStorageConfiguration',
        route('DescribeMediaStorageConfiguration', (body) => {
          const { storageStreamArn } = find(body);
          return {
            MediaStorageConfiguration: storageStreamArn
              ? { Status: 'ENABLED', StreamARN: storageStreamArn }
              : { Status: 'DISABLED' },
          };
        }),
      ],
    ]),
    context,
  );
}

/** By `ChannelARN` or `ChannelName`; throws what AWS answers where there is none. */
export function findChannel({ channels }: CloudContext, body: JsonObject): Channel {
  const arn = text(body, 'ChannelARN') || text(body, 'channelArn');
  const name = text(body, 'ChannelName');
  if (!arn && !name) throw invalid('Either ChannelName or ChannelARN must be given');
  const channel = arn ? channels.byArn(arn) : channels.byName(name);
  if (!channel) {
    const message = 'The requested channel is not found or not active.';
    throw new ServiceError(404, 'ResourceNotFoundException', message);
  }
  return channel;
}

export function channelNameIn({ channels }: CloudContext, body: JsonObject): string {
  const arn = text(body, 'ChannelARN') || text(body, 'channelArn');
  return text(body, 'ChannelName') || (channels.byArn(arn)?.name ?? '');
}

function describe(channel: Channel): object {
  return {
    ChannelInfo: {
      ChannelName: channel.name,
      ChannelARN: channel.arn,
      ChannelType: 'SINGLE_MASTER',
      ChannelStatus: 'ACTIVE',
      CreationTime: channel.createdAt / 1000,
      SingleMasterConfiguration: { MessageTtlSeconds: channel.messageTtlSeconds },
      Version: channel.version,
    },
  };
}

function endpointList(endpoints: DataEndpoints, body: JsonObject): object[] {
  const configuration = body['SingleMasterChannelEndpointConfiguration'] ?? {};
  if (!isObject(configuration)) throw invalid('SingleMasterChannelEndpointConfiguration is no object');
  const role = configuration['Role'] ?? 'VIEWER';
  if (role !== 'MASTER' && role !== 'VIEWER') throw invalid('Role must be MASTER or VIEWER');
  const protocols = configuration['Protocols'] ?? ['HTTPS'];
  if (!Array.isArray(protocols) || protocols.length === 0) throw invalid('Protocols must be a list');
  return protocols.map((protocol: unknown) => {
    if (protocol === 'WSS') return { Protocol: protocol, ResourceEndpoint: endpoints.wss(role) };
    if (protocol === 'HTTPS') return { Protocol: protocol, ResourceEndpoint: endpoints.https() };
    if (protocol === 'WEBRTC') return { Protocol: protocol, ResourceEndpoint: endpoints.webrtc() };
    throw invalid('Protocols may hold WSS, HTTPS and WEBRTC');
  });
}

function messageTtl(body: JsonObject): number {
  const configuration = body['SingleMasterConfiguration'];
  const ttl = isObject(configuration) ? (configuration['MessageTtlSeconds'] ?? 60) : 60;
  if (typeof ttl !== 'number' || ttl < 5 || ttl > 120) throw invalid('MessageTtlSeconds must be 5 to 120');
  return ttl;
}

export function text(body: JsonObject, key: string): string {
  const value = body[key];
  return typeof value === 'string' ? value : '';
}

export function invalid(message: string): ServiceError {
  return new ServiceError(400, 'InvalidArgumentException', message);
}
