import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { IceAgent } from '../../../../src/webrtc/ice/ice-agent.ts';
import type { IceServer } from '../../../../src/webrtc/secure-transport.ts';
import type { DataChannel } from '../../../../src/webrtc/sctp/data-channel.ts';
import { DataChannels } from '../../../../src/webrtc/sctp/data-channels.ts';
import {
  certificateFingerprint,
  DtlsAssociation,
  type DtlsCertificate,
} from '../../../../src/webrtc/werift/dtls.ts';
import { localIce, transportOf } from '../../../support/local-ice.ts';

const ice = localIce();

const DATA_SECTION = [
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=mid:1',
  'a=sctp-port:5000',
];

/** A viewer as cheap as it can be: real ICE and DTLS, the least SDP, packets only counted. */
export class StubViewer {
  readonly clientId: string;
  /** SRTP and SRTCP packets so far, and when the last one came (monotonic). */
  packets = 0;
  lastPacketAt = 0;
  /** What this process has worked between two packets, milliseconds: other processes do not lengthen it. */
  longestGapCpuMs = 0;
  #lastPacketCpuMs = 0;
  channels: DataChannels | undefined;
  readonly #certificate: DtlsCertificate;
  readonly #ice: IceAgent;
  readonly #dtls: DtlsAssociation;
  readonly #events = new EventEmitter();
  readonly #sessionId = systemRandom.uint32();
  #remoteCandidates: string[] | undefined = [];

  /** `onPacket` is told of every SRTP and SRTCP packet, encrypted as it came. */
  constructor(clientId: string, certificate: DtlsCertificate, onPacket?: (packet: Buffer) => void) {
    this.clientId = clientId;
    this.#certificate = certificate;
    this.#ice = new IceAgent(ice, {
      onCandidate: () => {},
      onDtls: (datagram) => this.#dtls.receive(datagram),
      onPacket: (packet) => {
        this.#received();
        onPacket?.(packet);
      },
      onConsentExpired: () => {},
      onNetworkChange: () => {},
    });
    this.#dtls = new DtlsAssociation(
      certificate,
      (datagram) => this.#ice.send(datagram),
      () => this.#events.emit('closed'),
      false,
      (data) => this.channels?.receive(data),
    );
  }

  /** Data channels, from now on; to be called before `offer`. */
  withChannels(onChannel: (channel: DataChannel) => void = () => {}): DataChannels {
    this.channels = new DataChannels({
      dtlsRole: 'client',
      localPort: 5000,
      remotePort: 5000,
      maxMessageBytes: 262_144,
      remoteMaxMessageBytes: 262_144,
      clock: systemClock,
      random: systemRandom,
      send: (packet) => this.#dtls.sendData(packet),
      onChannel,
      onClosed: () => {},
    });
    return this.channels;
  }

  async offer(servers: readonly IceServer[] = []): Promise<string> {
    await this.#ice.gatherHost();
    await this.#ice.gatherServers(servers);
    const { usernameFragment, password } = this.#ice.parameters;
    const { algorithm, value } = certificateFingerprint(this.#certificate);
    return [
      'v=0',
      `o=- ${this.#sessionId} 2 IN IP4 127.0.0.1`,
      's=-',
      't=0 0',
      `a=group:BUNDLE 0${this.channels ? ' 1' : ''}`,
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'c=IN IP4 0.0.0.0',
      'a=mid:0',
      'a=recvonly',
      'a=rtcp-mux',
      'a=rtpmap:96 H264/90000',
      'a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
      'a=rtcp-fb:96 nack',
      `a=ice-ufrag:${usernameFragment}`,
      `a=ice-pwd:${password}`,
      'a=ice-options:trickle',
      `a=fingerprint:${algorithm} ${value}`,
      'a=setup:actpass',
      ...this.#ice.candidates().map((candidate) => `a=${candidate}`),
      ...(this.channels ? DATA_SECTION : []),
      '',
    ].join('\r\n');
  }

  addCandidate(candidate: string): void {
    if (this.#remoteCandidates) this.#remoteCandidates.push(candidate);
    else this.#ice.addRemoteCandidate(candidate);
  }

  /** Resolves when connected. */
  async accept(answer: string): Promise<void> {
    if (/^m=video 0 /m.test(answer)) throw new Error('refused');
    const remote = transportOf(answer);
    const connected = this.#ice.connect(remote.ice, true);
    for (const candidate of [...remote.candidates, ...(this.#remoteCandidates ?? [])])
      this.#ice.addRemoteCandidate(candidate);
    this.#remoteCandidates = undefined;
    await connected;
    await this.#dtls.handshake('client', [remote.fingerprint], systemClock);
    this.channels?.start();
  }

  async packetsReceived(count: number, timeoutMs = 5_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (this.packets < count) await once(this.#events, 'packet', { signal });
  }

  /** Resolves when the device has said that it is over. */
  async closed(): Promise<void> {
    await once(this.#events, 'closed', { signal: AbortSignal.timeout(5_000) });
  }

  /** Dies without a word. */
  vanish(): void {
    this.#ice.close();
  }

  /** Says goodbye and leaves. */
  close(): void {
    this.#dtls.close();
    this.#ice.close();
  }

  #received(): void {
    const { user, system } = process.cpuUsage();
    const cpuMs = (user + system) / 1_000;
    if (this.packets > 0)
      this.longestGapCpuMs = Math.max(this.longestGapCpuMs, cpuMs - this.#lastPacketCpuMs);
    this.#lastPacketCpuMs = cpuMs;
    this.lastPacketAt = performance.now();
    this.packets += 1;
    this.#events.emit('packet');
  }
}
