import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plant } from '../support/run-record.ts';
import { ChildProgram, freePort } from './child-program.ts';
import type { IceServer } from './kvs-data.ts';
import type { CertificateFiles } from './pki.ts';

export interface TurnOptions extends CertificateFiles {
  /** For its configuration file. */
  directory: string;
  address: string;
  /** Default: any free one. */
  tlsPort?: number;
}

const REALM = 'kinesisvideo.local';
/** As GetIceServerConfig answers: two sets of credentials. */
const SETS = 2;

/**
 * coturn over UDP, TCP, TLS and DTLS, with expiring credentials derived from a shared secret (user name =
 * `<expiry>:<name>`, password = HMAC of it), which is the form that KVS hands out, too.
 * https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
 */
export class Turn {
  readonly port: number;
  readonly tlsPort: number;
  readonly #secret = randomBytes(24).toString('hex');
  readonly #options: TurnOptions;
  #program: ChildProgram | undefined;

  private constructor(options: TurnOptions, port: number, tlsPort: number) {
    this.#options = options;
    this.port = port;
    this.tlsPort = tlsPort;
  }

  static async start(options: TurnOptions): Promise<Turn> {
    const { address, tlsPort } = options;
    const turn = new Turn(options, await freePort(address), tlsPort ?? (await freePort(address)));
    plant(turn.#secret);
    await turn.start();
    return turn;
  }

  async start(): Promise<void> {
    if (this.#program) return;
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
    const configuration = join(this.#options.directory, 'turnserver.conf');
    // In a file: arguments can be read by everyone, and these hold the secret.
    writeFileSync(configuration, this.#configuration(), { mode: 0o600 });
    const ready = /Total General servers/;
    this.#program = await ChildProgram.start('turnserver', ['-c', configuration], ready);
  }

  async stop(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    await program?.stop();
  }

  /** Two sets, each with fresh credentials. */
  iceServers(ttlSeconds: number): IceServer[] {
    const { address } = this.#options;
    return Array.from({ length: SETS }, () => {
      const expiry = Math.floor(Date.now() / 1000) + ttlSeconds;
      const Username = `${expiry}:${randomBytes(12).toString('base64url')}`;
      const Password = createHmac('sha1', this.#secret).update(Username).digest('base64');
      plant(Password);
      return {
        Uris: [
          `turn:${address}:${this.port}?transport=udp`,
          `turns:${address}:${this.tlsPort}?transport=udp`,
          `turns:${address}:${this.tlsPort}?transport=tcp`,
        ],
        Username,
        Password,
        Ttl: ttlSeconds,
      };
    });
  }

  #configuration(): string {
    const { address, directory, certificatePath, privateKeyPath } = this.#options;
    return [
      `listening-ip=${address}`,
      `relay-ip=${address}`,
      `listening-port=${this.port}`,
      `tls-listening-port=${this.tlsPort}`,
      `cert=${certificatePath}`,
      `pkey=${privateKeyPath}`,
      `realm=${REALM}`,
      'fingerprint',
      'use-auth-secret',
      `static-auth-secret=${this.#secret}`,
      `userdb=${join(directory, 'turndb')}`,
      `pidfile=${join(directory, 'turnserver.pid')}`,
      // The peers of this cloud are on the loopback interface.
      'allow-loopback-peers',
      'no-multicast-peers',
      'no-rfc5780',
      'no-cli',
      // Else it would not say when it is ready.
      'verbose',
      'log-file=stdout',
      'simple-log',
      '',
    ].join('\n');
  }
}
