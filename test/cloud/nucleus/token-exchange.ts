import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** As the credentials provider gives them. */
export interface ExchangedCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** ISO 8601. */
  expiration: string;
}

export interface TokenExchangeOptions {
  isComponent: (token: string) => boolean;
  /** The nucleus's role-alias exchange; rejects where IoT Core refuses or is away. */
  exchange: () => Promise<ExchangedCredentials>;
}

const PATH = '/2016-11-01/credentialprovider/';

/** aws.greengrass.TokenExchangeService: a container credentials endpoint for components, on loopback. */
export class TokenExchange {
  readonly #server: Server;
  #uri = '';

  constructor(options: TokenExchangeOptions) {
    this.#server = createServer((request, response) => void serve(request, response, options));
  }

  /** For AWS_CONTAINER_CREDENTIALS_FULL_URI. */
  get uri(): string {
    return this.#uri;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.#uri = `http://localhost:${address.port}${PATH}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { isComponent, exchange }: TokenExchangeOptions,
): Promise<void> {
  const answer = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (request.method !== 'GET') return answer(405, { message: 'Only GET' });
  if (request.url !== PATH) return answer(404, { message: 'No such resource' });
  if (!isComponent(request.headers.authorization ?? '')) return answer(403, { message: 'Not authorized' });
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await exchange();
    answer(200, {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: expiration,
    });
  } catch (error) {
    answer(500, { message: error instanceof Error ? error.message : 'Failed to get credentials' });
  }
}
