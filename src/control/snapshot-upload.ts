import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type Agent } from 'node:https';
import { within, type Clock } from '../runtime/clock.ts';

export interface SnapshotUploadOptions {
  /** `host` or `host:port`, as URLs have it: the only places that a picture is sent to. */
  hosts: readonly string[];
  /** Undefined: directly. */
  agent?: Agent;
  clock: Clock;
}

const TIMEOUT_MS = 10_000;
/** S3 says in XML why it refuses. */
const MAX_ANSWER_BYTES = 4096;

/**
 * Puts a JPEG to a presigned URL. The URL comes from afar and is a secret: nothing but its host is ever named, redirects
 * are not followed, and only hosts of the device's own configuration are called.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/PresignedUrlUploadObject.html
 */
export class SnapshotUpload {
  readonly #options: SnapshotUploadOptions;

  constructor(options: SnapshotUploadOptions) {
    this.#options = options;
  }

  /** @throws Error with what would be right, for a URL that must not be called. */
  check(address: unknown): URL {
    const url = typeof address === 'string' ? URL.parse(address) : null;
    if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '')
      throw new Error('url: an https:// URL without user and password');
    if (!this.#options.hosts.some((host) => host.toLowerCase() === url.host))
      throw new Error(`url: commands.uploadHosts does not name ${url.host.slice(0, 253)}`);
    return url;
  }

  /** @throws Error when it is not taken within 10 s. */
  async put(url: URL, jpeg: Buffer): Promise<void> {
    const { agent, clock } = this.#options;
    const headers = { 'content-type': 'image/jpeg', 'content-length': jpeg.length };
    const request = httpsRequest(url, { method: 'PUT', headers, ...(agent && { agent }) });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      // Also the last error of a request that was given up.
      request.on('error', () => reject(new Error(`the connection to ${url.host} failed`)));
    });
    request.end(jpeg);
    try {
      await within(clock, TIMEOUT_MS, `${url.host} has not taken the picture`, taken(answer, url.host));
    } finally {
      request.destroy();
    }
  }
}

async function taken(answer: Promise<IncomingMessage>, host: string): Promise<void> {
  const response = await answer;
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return;
  let text = '';
  for await (const chunk of response.setEncoding('latin1') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_ANSWER_BYTES) break;
  }
  const code = /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1];
  throw new Error(`${host} answered ${statusCode}${code === undefined ? '' : ` ${code}`}`);
}
