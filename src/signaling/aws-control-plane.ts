import type { KinesisVideoSignalingClient } from '@aws-sdk/client-kinesis-video-signaling';
import { AwsCalls, DATE_READER, required, type AwsCallsOptions } from './aws-calls.ts';
import type { ChannelEndpoints, ControlPlane, IceServerConfig } from './control-plane.ts';

/** The REST calls through the AWS SDK, loaded when first used: a warm start without viewers needs none of it. */
export class AwsControlPlane implements ControlPlane {
  readonly calls: AwsCalls;
  /** By endpoint; there is one for each channel. */
  readonly #signaling = new Map<string, KinesisVideoSignalingClient>();

  constructor(options: AwsCallsOptions) {
    this.calls = new AwsCalls(options);
  }

  /** Ends the calls under way: they reject. */
  close(): void {
    this.calls.close();
  }

  async ready(): Promise<void> {
    await this.calls.ready();
  }

  async describeChannel(channelName: string): Promise<string> {
    const what = `DescribeSignalingChannel "${channelName}"`;
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.DescribeSignalingChannelCommand({ ChannelName: channelName });
    const answer = await this.calls.attempt(what, () =>
      this.calls.controlClient(sdk).send(command, this.calls.abortable),
    );
    return required(what, 'ChannelInfo.ChannelARN', answer.ChannelInfo?.ChannelARN);
  }

  async createChannel(channelName: string): Promise<string> {
    const what = `CreateSignalingChannel "${channelName}"`;
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.CreateSignalingChannelCommand({
      ChannelName: channelName,
      ChannelType: 'SINGLE_MASTER',
    });
    const answer = await this.calls.attempt(what, () =>
      this.calls.controlClient(sdk).send(command, this.calls.abortable),
    );
    return required(what, 'ChannelARN', answer.ChannelARN);
  }

  async getEndpoints(arn: string, withWebrtc: boolean): Promise<ChannelEndpoints> {
    const what = `GetSignalingChannelEndpoint ${arn}`;
    const sdk = await import('@aws-sdk/client-kinesis-video');
    const command = new sdk.GetSignalingChannelEndpointCommand({
      ChannelARN: arn,
      SingleMasterChannelEndpointConfiguration: {
        Protocols: withWebrtc ? ['WSS', 'HTTPS', 'WEBRTC'] : ['WSS', 'HTTPS'],
        Role: 'MASTER',
      },
    });
    const answer = await this.calls.attempt(what, () =>
      this.calls.controlClient(sdk).send(command, this.calls.abortable),
    );
    const of = (protocol: string): string => {
      const item = answer.ResourceEndpointList?.find(({ Protocol }) => Protocol === protocol);
      return required(what, `${protocol} endpoint`, item?.ResourceEndpoint);
    };
    const endpoints = { wss: of('WSS'), https: of('HTTPS') };
    return withWebrtc ? { ...endpoints, webrtc: of('WEBRTC') } : endpoints;
  }

  async getIceServers(arn: string, httpsEndpoint: string): Promise<IceServerConfig> {
    const what = `GetIceServerConfig ${arn}`;
    const sdk = await import('@aws-sdk/client-kinesis-video-signaling');
    const command = new sdk.GetIceServerConfigCommand({ ChannelARN: arn, Service: 'TURN' });
    const client = this.#signalingClient(sdk, httpsEndpoint);
    const { IceServerList = [] } = await this.calls.attempt(what, () =>
      client.send(command, this.calls.abortable),
    );
    const servers = IceServerList.map(({ Uris = [], Username, Password }) => ({
      urls: Uris,
      ...(Username === undefined ? {} : { username: Username }),
      ...(Password === undefined ? {} : { credential: Password }),
    }));
    const ttls = IceServerList.map(({ Ttl = 0 }) => Ttl);
    return { servers, ttlSeconds: ttls.length > 0 ? Math.min(...ttls) : 0 };
  }

  #signalingClient(
    sdk: typeof import('@aws-sdk/client-kinesis-video-signaling'),
    endpoint: string,
  ): KinesisVideoSignalingClient {
    let client = this.#signaling.get(endpoint);
    if (client === undefined) {
      client = new sdk.KinesisVideoSignalingClient({ ...this.calls.clientOptions(), endpoint });
      client.middlewareStack.add(
        (next) => async (args) => this.calls.readDate(await next(args)),
        DATE_READER,
      );
      this.#signaling.set(endpoint, client);
    }
    return client;
  }
}
