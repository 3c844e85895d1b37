/** The agent's control protocol (README, "Control protocol") over the data channel `control`. */

const VERSION = 1;
const TIMEOUT_MS = 15_000;

/** What the agent answered instead of a result; `code` says which error it is. */
export class ControlError extends Error {
  /** @param {{ code: string, message: string }} error */
  constructor({ code, message }) {
    super(message);
    this.name = 'ControlError';
    this.code = code;
  }
}

/** Emits `hello` when `methods` is known. */
export class ControlClient extends EventTarget {
  /** Names of what this viewer may ask for. */
  methods = [];
  /** What the method `command` can be asked for. @type {string[]} */
  actions = [];
  #channel;
  #lastId = 0;
  /** @type {Map<string, { resolve: (answer: object) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  /** @type {{ answer: object, parts: ArrayBuffer[], missing: number, resolve: (answer: object) => void } | null} */
  #attachment = null;

  /** @param {RTCDataChannel} channel reliable and ordered, with the label `control` */
  constructor(channel) {
    super();
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', ({ data }) => this.#receive(data));
    channel.addEventListener('close', () => this.#closed());
  }

  get isOpen() {
    return this.#channel.readyState === 'open';
  }

  /**
   * Resolves with the result; rejects with a ControlError, or when there is no answer.
   * @param {string} method
   * @param {object} [params]
   */
  request(method, params = {}) {
    this.#lastId += 1;
    const id = String(this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new Error('no answer')), TIMEOUT_MS);
      const settled = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
      this.#channel.send(JSON.stringify({ v: VERSION, id, method, params }));
    });
  }

  /**
   * The live picture as a JPEG.
   * @param {{ width?: number, quality?: number }} [params]
   * @returns {Promise<Blob>}
   */
  async snapshot(params = {}) {
    const { type, parts } = await this.request('snapshot', params);
    return new Blob(parts, { type });
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    if (typeof data !== 'string') return this.#receivePart(data);
    const message = JSON.parse(data);
    if (message.event === 'hello') {
      this.methods = message.methods;
      this.actions = message.actions ?? [];
      this.dispatchEvent(new Event('hello'));
      return;
    }
    const waiting = this.#settle(message.id);
    if (!waiting) return;
    if (!message.ok) waiting.reject(new ControlError(message.error));
    else if (message.result.bytes > 0)
      this.#attachment = { answer: message.result, parts: [], missing: message.result.bytes, ...waiting };
    else waiting.resolve(message.result);
  }

  /** What follows an answer that announces `bytes`. @param {ArrayBuffer} part */
  #receivePart(part) {
    const attachment = this.#attachment;
    if (!attachment) return;
    attachment.parts.push(part);
    attachment.missing -= part.byteLength;
    if (attachment.missing > 0) return;
    this.#attachment = null;
    attachment.resolve({ ...attachment.answer, parts: attachment.parts });
  }

  #settle(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #closed() {
    for (const id of this.#waiting.keys()) this.#settle(id).reject(new Error('the channel is closed'));
  }
}
