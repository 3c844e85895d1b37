import type { Fingerprint, IceParameters } from '../../../src/webrtc/sdp.ts';

/** As the storage session offers: it only receives, has no data channel, and its candidates follow apart. */
export function storageOffer(
  ice: IceParameters,
  fingerprint: Fingerprint,
  sessionId: number,
  kinds: readonly ('video' | 'audio')[],
): string {
  const transport = [
    'c=IN IP4 0.0.0.0',
    'a=rtcp:9 IN IP4 0.0.0.0',
    `a=ice-ufrag:${ice.usernameFragment}`,
    `a=ice-pwd:${ice.password}`,
    'a=ice-options:trickle',
    `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`,
    'a=setup:actpass',
    'a=rtcp-mux',
    'a=rtcp-rsize',
  ];
  const sections = {
    audio: [
      'm=audio 9 UDP/TLS/RTP/SAVPF 111',
      ...transport,
      'a=sendrecv',
      'a=rtpmap:111 opus/48000/2',
      'a=fmtp:111 minptime=10;useinbandfec=1',
    ],
    video: [
      'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
      ...transport,
      'a=recvonly',
      'a=rtpmap:96 H264/90000',
      'a=rtcp-fb:96 nack',
      'a=rtcp-fb:96 nack pli',
      'a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
      'a=rtpmap:97 rtx/90000',
      'a=fmtp:97 apt=96',
    ],
  };
  return [
    'v=0',
    `o=- ${sessionId} 2 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${kinds.map((_, mid) => mid).join(' ')}`,
    'a=msid-semantic: WMS',
    ...kinds.flatMap((kind, mid) => [...sections[kind], `a=mid:${mid}`]),
    '',
  ].join('\r\n');
}
