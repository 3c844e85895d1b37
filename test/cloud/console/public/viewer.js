/* global KVSWebRTC */

import { ControlClient } from './control-client.js';

/**
 * One viewer of one camera, through AWS's own viewer SDK: signaling, offer and answer, trickle ICE, media.
 * Emits `change` whenever `state` or `timings` change.
 */

/**
 * @typedef {object} ViewerAccess what the server hands out for one viewer
 * @property {string} channelARN
 * @property {string} endpoint signaling endpoint for viewers, `wss://…`
 * @property {string} region
 * @property {RTCIceServer[]} iceServers
 * @property {{ accessKeyId: string, secretAccessKey: string, sessionToken?: string }} credentials
 * @property {string} clientId
 */

/** @typedef {'connecting' | 'playing' | 'refused' | 'failed' | 'closed'} ViewerState */

/** ICE may lose its pair for a moment and find another; after this long it is not coming back. */
const DISCONNECTED_GRACE_MS = 8000;

export class Viewer extends EventTarget {
  /** @type {ViewerState} */
  state = 'connecting';
  reason = '';
  /** Milliseconds of `performance.now()`, each set once. */
  timings = { startedAt: performance.now(), offerAt: 0, answerAt: 0, connectedAt: 0, firstFrameAt: 0 };

  /**
   * @param {ViewerAccess} access
   * @param {HTMLVideoElement} video plays the stream
   */
  constructor(access, video) {
    super();
    this.clientId = access.clientId;
    this.video = video;
    this.peer = new RTCPeerConnection({ iceServers: access.iceServers, bundlePolicy: 'max-bundle' });
    this.signaling = new KVSWebRTC.SignalingClient({
      role: KVSWebRTC.Role.VIEWER,
      clientId: access.clientId,
      channelARN: access.channelARN,
      channelEndpoint: access.endpoint,
      region: access.region,
      requestSigner: requestSigner(access),
    });
  }

  /** Opens signaling and sends the offer. */
  start() {
    const { peer, signaling } = this;
    peer.addTransceiver('video', { direction: 'recvonly' });
    this.sound = peer.addTransceiver('audio', { direction: 'sendrecv' });
    this.control = new ControlClient(peer.createDataChannel('control'));
    this.messages = peer.createDataChannel('messages');
    // The offer is made while the WebSocket opens.
    const offer = peer.createOffer();
    signaling.on('open', () => this.#attempt(this.#sendOffer(offer)));
    signaling.on('sdpAnswer', (answer) => this.#attempt(this.#acceptAnswer(answer)));
    signaling.on('iceCandidate', (candidate) => this.#attempt(peer.addIceCandidate(candidate)));
    signaling.on('error', () => this.#end('failed', 'signaling refused the connection'));
    signaling.on('close', () => this.#signalingClosed());
    peer.addEventListener('icecandidate', ({ candidate }) => this.#sendCandidate(candidate));
    peer.addEventListener('connectionstatechange', () => this.#connectionChanged());
    peer.addEventListener('track', ({ streams, track }) => {
      this.video.srcObject = streams[0] ?? new MediaStream([track]);
    });
    this.video.requestVideoFrameCallback((_now, { presentationTime }) => this.#firstFrame(presentationTime));
    signaling.open();
  }

  /** Ends the viewer; the camera's place is free again. */
  stop() {
    this.#end('closed', '');
  }

  /** Ends the viewer because of what others know already. @param {string} reason */
  lost(reason) {
    this.#end('failed', reason);
  }

  /** Whether the camera plays what this viewer says. */
  get canTalk() {
    return this.sound?.currentDirection === 'sendrecv' || this.sound?.currentDirection === 'sendonly';
  }

  /** Sends this to the camera's loudspeaker from now on; null: nothing. @param {MediaStreamTrack | null} track */
  async talk(track) {
    await this.sound.sender.replaceTrack(track);
  }

  /** Leaves signaling; the media connection lives on, as it does when the service ends a session. */
  leaveSignaling() {
    this.signaling.close();
  }

  /** Milliseconds from the offer to the first presented frame; undefined before it. */
  get firstFrameMs() {
    const { offerAt, firstFrameAt } = this.timings;
    return firstFrameAt > 0 ? firstFrameAt - offerAt : undefined;
  }

  /** @param {Promise<RTCSessionDescriptionInit>} offer */
  async #sendOffer(offer) {
    this.timings.offerAt = performance.now();
    // Its candidates trickle after it: none can be sent before.
    const description = await offer;
    this.signaling.sendSdpOffer(description);
    await this.peer.setLocalDescription(description);
    this.#changed();
  }

  /** @param {RTCSessionDescriptionInit} answer */
  async #acceptAnswer(answer) {
    this.timings.answerAt = performance.now();
    await this.peer.setRemoteDescription(answer);
    this.#hearGoodbye();
    const media = answer.sdp.match(/^m=\w+ \d+/gm) ?? [];
    if (media.every((line) => line.endsWith(' 0'))) this.#end('refused', 'this camera has no free place');
    this.#changed();
  }

  /** An agent that stops says so. The peer connection's own state would tell after a quarter of a minute only. */
  #hearGoodbye() {
    const transport = this.peer.getReceivers().find((receiver) => receiver.transport)?.transport;
    transport?.addEventListener('statechange', () => {
      if (transport.state === 'closed') this.#end('failed', 'the camera ended the session');
    });
  }

  /** @param {RTCIceCandidate | null} candidate */
  #sendCandidate(candidate) {
    if (candidate && this.signaling.readyState === WebSocket.OPEN) this.signaling.sendIceCandidate(candidate);
  }

  #signalingClosed() {
    // An established picture goes on without signaling.
    if (this.timings.connectedAt === 0) this.#end('failed', 'signaling ended before the picture came');
  }

  #connectionChanged() {
    const { connectionState } = this.peer;
    if (connectionState === 'connected') this.timings.connectedAt ||= performance.now();
    if (connectionState === 'failed') this.#end('failed', 'the connection failed');
    if (connectionState === 'disconnected') {
      setTimeout(() => {
        if (this.peer.connectionState === 'disconnected') this.#end('failed', 'the connection was lost');
      }, DISCONNECTED_GRACE_MS);
    }
    this.#changed();
  }

  /** @param {number} presentedAt */
  #firstFrame(presentedAt) {
    if (this.state !== 'connecting') return;
    this.timings.firstFrameAt = presentedAt;
    this.state = 'playing';
    this.#changed();
  }

  /** @param {Promise<void>} work */
  async #attempt(work) {
    try {
      await work;
    } catch (error) {
      this.#end('failed', error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * @param {ViewerState} state
   * @param {string} reason
   */
  #end(state, reason) {
    if (this.state !== 'connecting' && this.state !== 'playing') return;
    this.state = state;
    this.reason = reason;
    this.signaling.close();
    this.peer.close();
    this.video.srcObject = null;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * The SDK's signer signs for `wss://` only. Signaling that this page's own server carries is reached over plain
 * `ws://` (loopback, no certificate to accept); the signature does not cover the scheme.
 * @param {ViewerAccess} access
 */
function requestSigner({ region, credentials }) {
  const signer = new KVSWebRTC.SigV4RequestSigner(region, credentials);
  return {
    async getSignedURL(endpoint, queryParams, date) {
      const url = new URL(await signer.getSignedURL(endpoint, queryParams, date));
      const own = url.host === location.host && location.protocol === 'http:';
      return own ? url.href.replace(/^wss:/, 'ws:') : url.href;
    },
  };
}
