import type { KinesisVideoWebRTCStorageClient } from '@aws-sdk/client-kinesis-video-webrtc-storage';
import { DATE_READER, required, type AwsCalls } from './aws-calls.ts';

/** A video stream, as far as recording needs to know it. */
export interface RecordingStream {
  arn: string;
  /** 0: nothing is kept, and nothing can be ingested. */
  retentionHours: number;
  /** Of its description, as changes name it. */
  version: string;
  isActive: boolean;
}

/** The REST calls of WebRTC ingestion. Failures are ServiceErrors. The SDK is loaded when first used: few cameras are recorded. */
export class AwsStorage {
  readonly #calls: AwsCalls;
  /** By endpoint; there is one for each channel. */
  readonly #clients = new Map<string, KinesisVideoWebRTCStorageClient>();

  constructor(calls: AwsCalls) {
    this.#calls = calls;
  }

  /** The ARN of the stream that the channel's media is stored in; undefined where storage is disabled. */
  async storageStream(channelArn: string): Promise<string | undefined> {
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.DescribeMediaStorageConfigurationCommand({ ChannelARN: channelArn });
    const { MediaStorageConfiguration: found } = await this.#calls.attempt(
      `DescribeMediaStorageConfiguration ${channelArn}`,
      () => this.#calls.controlClient(sdk).send(command, this.#calls.abortable),
    );
    return found?.Status === 'ENABLED' ? found.StreamARN : undefined;
  }

  /** Asks for an offer. Resolves when the request is taken, which promises none. */
  async join(channelArn: string, webrtcEndpoint: string): Promise<void> {
    const sdk = await import('@aws-sdk/client-kinesis-video-webrtc-storage');
    let client = this.#clients.get(webrtcEndpoint);
    if (client === undefined) {
      // Each request counts as one of its own: the SDK must not repeat it.
      const options = { ...this.#calls.clientOptions(), endpoint: webrtcEndpoint, maxAttempts: 1 };
      client = new sdk.KinesisVideoWebRTCStorageClient(options);
      client.middlewareStack.add(
        (next) => async (args) => this.#calls.readDate(await next(args)),
        DATE_READER,
      );
      this.#clients.set(webrtcEndpoint, client);
    }
    const connection = client;
    await this.#calls.attempt(`JoinStorageSession ${channelArn}`, () =>
      connection.send(new sdk.JoinStorageSessionCommand({ channelArn }), this.#calls.abortable),
    );
  }

  /** By name or ARN. Rejects with fault `not-found` where there is none. */
  async describeStream(nameOrArn: string): Promise<RecordingStream> {
    const what = `DescribeStream ${nameOrArn}`;
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const input = nameOrArn.startsWith('arn:') ? { StreamARN: nameOrArn } : { StreamName: nameOrArn };
    const { StreamInfo: info } = await this.#calls.attempt(what, () =>
      this.#calls.controlClient(sdk).send(new sdk.DescribeStreamCommand(input), this.#calls.abortable),
    );
    return {
      arn: required(what, 'StreamInfo.StreamARN', info?.StreamARN),
      retentionHours: info?.DataRetentionInHours ?? 0,
      version: info?.Version ?? '',
      isActive: info?.Status === 'ACTIVE',
    };
  }

  async createStream(streamName: string, retentionHours: number): Promise<void> {
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.CreateStreamCommand({
      StreamName: streamName,
      DataRetentionInHours: retentionHours,
      MediaType: 'video/h264',
    });
    await this.#calls.attempt(`CreateStream "${streamName}"`, () =>
      this.#calls.controlClient(sdk).send(command, this.#calls.abortable),
    );
  }

  async addRetention({ arn, version }: RecordingStream, hours: number): Promise<void> {
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.UpdateDataRetentionCommand({
      StreamARN: arn,
      CurrentVersion: version,
      Operation: 'INCREASE_DATA_RETENTION',
      DataRetentionChangeInHours: hours,
    });
    await this.#calls.attempt(`UpdateDataRetention ${arn}`, () =>
      this.#calls.controlClient(sdk).send(command, this.#calls.abortable),
    );
  }

  async linkStream(channelArn: string, streamArn: string): Promise<void> {
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.UpdateMediaStorageConfigurationCommand({
      ChannelARN: channelArn,
      MediaStorageConfiguration: { Status: 'ENABLED', StreamARN: streamArn },
    });
    await this.#calls.attempt(`UpdateMediaStorageConfiguration ${channelArn}`, () =>
      this.#calls.controlClient(sdk).send(command, this.#calls.abortable),
    );
  }
}
