import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildProgram, freePort } from './child-program.ts';
import type { CertificateFiles } from './pki.ts';

export interface MosquittoOptions extends CertificateFiles {
  caPath: string;
  /** For its configuration files. */
  directory: string;
  address: string;
  /** Common name of the certificate that may use every topic; all others are things. */
  serviceName: string;
}

/** IoT Core's limits: https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits */
const MAX_PACKET_BYTES = 146_000;
const MAX_KEEPALIVE_SECONDS = 1200;

/**
 * The message broker: MQTT 5 over TLS, for clients with a certificate of the cloud's CA. A thing is known by its
 * certificate's common name and sees no other thing's `$aws` topics.
 */
export class Mosquitto {
  readonly port: number;
  readonly #options: MosquittoOptions;
  #program: ChildProgram | undefined;

  private constructor(options: MosquittoOptions, port: number) {
    this.#options = options;
    this.port = port;
  }

  static async start(options: MosquittoOptions): Promise<Mosquitto> {
    const broker = new Mosquitto(options, await freePort(options.address));
    await broker.start();
    return broker;
  }

  async start(): Promise<void> {
    if (this.#program) return;
    const { directory } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const configuration = join(directory, 'mosquitto.conf');
    writeFileSync(join(directory, 'acl'), this.#accessRules(), { mode: 0o600 });
    writeFileSync(configuration, this.#configuration());
    this.#program = await ChildProgram.start(
      'mosquitto',
      ['-c', configuration],
      /mosquitto version \S+ running/,
    );
  }

  /** Every client is cut off; nothing is kept over a restart. */
  async stop(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    await program?.stop();
  }

  #accessRules(): string {
    return [
      `user ${this.#options.serviceName}`,
      'topic readwrite #',
      'topic readwrite $aws/#',
      '',
      // `#` does not match topics that begin with $ (MQTT 5, 4.7.2).
      'pattern readwrite #',
      'pattern readwrite $aws/things/%u/#',
      '',
    ].join('\n');
  }

  #configuration(): string {
    const { address, directory, caPath, certificatePath, privateKeyPath } = this.#options;
    return [
      `listener ${this.port} ${address}`,
      `cafile ${caPath}`,
      `certfile ${certificatePath}`,
      `keyfile ${privateKeyPath}`,
      'require_certificate true',
      'use_identity_as_username true',
      `acl_file ${join(directory, 'acl')}`,
      // Started by root it would change to a user who cannot read the keys.
      'user root',
      'set_tcp_nodelay true',
      'max_qos 1',
      `max_packet_size ${MAX_PACKET_BYTES}`,
      `max_keepalive ${MAX_KEEPALIVE_SECONDS}`,
      'persistence false',
      'log_dest stderr',
      '',
    ].join('\n');
  }
}
