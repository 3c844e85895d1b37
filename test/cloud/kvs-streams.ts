import type { CloudContext } from './context.ts';
import { findChannel, channelNameIn, invalid, text } from './kvs-control.ts';
import { isObject, type JsonObject, type Route } from './rest-api.ts';
import { ServiceError } from './service-error.ts';
import type { Stream } from './streams.ts';

const NAME = /^[a-zA-Z0-9_.-]{1,256}$/;

/** Streams and their link to channels, as far as WebRTC ingestion needs them. */
export function streamRoutes(context: CloudContext): [string, Route][] {
  const { streams } = context;
  return [
    [
      '/createStream',
      {
        operation: 'CreateStream',
        resource: streamIn,
        handle: (body) => {
          const name = text(body, 'StreamName');
          if (!NAME.test(name)) throw invalid('StreamName must match [a-zA-Z0-9_.-]{1,256}');
          if (streams.find({ name, arn: '' }))
            throw new ServiceError(400, 'ResourceInUseException', `The stream ${name} already exists.`);
          const hours = body['DataRetentionInHours'] ?? 0;
          if (typeof hours !== 'number' || hours < 0) throw invalid('DataRetentionInHours is not valid');
          return { StreamARN: streams.create(name, hours, text(body, 'MediaType')).arn };
        },
      },
    ],
    [
      '/describeStream',
      {
        operation: 'DescribeStream',
        resource: streamIn,
        handle: (body) => describe(findStream(context, body)),
      },
    ],
    [
      '/updateDataRetention',
      {
        operation: 'UpdateDataRetention',
        resource: streamIn,
        handle: (body) => {
          const stream = findStream(context, body);
          const change = body['DataRetentionChangeInHours'];
          if (typeof change !== 'number' || change < 1)
            throw invalid('DataRetentionChangeInHours is not valid');
          if (text(body, 'CurrentVersion') !== stream.version)
            throw new ServiceError(400, 'VersionMismatchException', 'The version is not the current one.');
          stream.retentionHours += text(body, 'Operation') === 'DECREASE_DATA_RETENTION' ? -change : change;
          streams.changed(stream);
          return {};
        },
      },
    ],
    [
      '/updateMediaStorageConfiguration',
      {
        operation: 'UpdateMediaStorageConfiguration',
        resource: (body) => channelNameIn(context, body),
        handle: (body) => {
          const channel = findChannel(context, body);
          const configuration = body['MediaStorageConfiguration'];
          if (!isObject(configuration)) throw invalid('MediaStorageConfiguration is missing');
          const enabled = text(configuration, 'Status') === 'ENABLED';
          channel.storageStreamArn = enabled ? findStream(context, configuration).arn : '';
          return {};
        },
      },
    ],
  ];
}

function findStream({ streams }: CloudContext, body: JsonObject): Stream {
  const stream = streams.find({ name: text(body, 'StreamName'), arn: text(body, 'StreamARN') });
  if (!stream) throw new ServiceError(404, 'ResourceNotFoundException', 'The requested stream is not found.');
  return stream;
}

function describe(stream: Stream): object {
  const Status = stream.creating > 0 ? 'CREATING' : 'ACTIVE';
  stream.creating = Math.max(0, stream.creating - 1);
  return {
    StreamInfo: {
      StreamName: stream.name,
      StreamARN: stream.arn,
      MediaType: stream.mediaType,
      Version: stream.version,
      Status,
      CreationTime: stream.createdAt / 1000,
      DataRetentionInHours: stream.retentionHours,
    },
  };
}

function streamIn(body: JsonObject): string {
  return text(body, 'StreamName') || text(body, 'StreamARN');
}
