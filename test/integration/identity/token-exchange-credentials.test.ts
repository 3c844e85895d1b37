import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { errorText } from '../../../src/errors.ts';
import { TokenExchangeCredentials } from '../../../src/identity/token-exchange-credentials.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { LoopbackServer } from '../../cloud/loopback-server.ts';

const TOKEN = 'planted-authorization-token';
const ANSWER = {
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'planted-secret',
  Token: 'planted-session-token',
  Expiration: '2030-01-01T00:00:00Z',
};
/** What the nucleus answers where the token is right. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let uri: string;

const nucleus = createServer((request, response) => {
  if (request.headers.authorization === TOKEN) answer(request, response);
  else response.writeHead(403).end('Bad authorization header');
});

const server = new LoopbackServer(nucleus, '127.0.0.1');

before(async () => {
  await server.start();
  uri = `http://127.0.0.1:${server.port}/2016-11-01/credentialprovider/`;
});
after(() => server.stop());

test('credentials come from the nucleus', async () => {
  answer = (_, response) => response.end(JSON.stringify(ANSWER));
  assert.deepEqual((await source().fetch()).credentials, {
    accessKeyId: 'ASIAEXAMPLE',
    secretAccessKey: 'planted-secret',
    sessionToken: 'planted-session-token',
    expiration: new Date('2030-01-01T00:00:00Z'),
  });
});

const BAD: [name: string, respond: (response: ServerResponse) => void, says: RegExp][] = [
  [
    'a cached refusal',
    (response) => response.writeHead(404).end('TES responded with 404'),
    /answered 404 \(see the nucleus's log/,
  ],
  ['no JSON', (response) => response.end('<html>'), /something else than a JSON object/],
  [
    'no token',
    (response) => response.end(JSON.stringify({ ...ANSWER, Token: undefined })),
    /no usable "Token"/,
  ],
  [
    'a line break in a key',
    (response) => response.end(JSON.stringify({ ...ANSWER, AccessKeyId: 'A\r\nB' })),
    /no usable "AccessKeyId"/,
  ],
  ['no date', (response) => response.end(JSON.stringify({ ...ANSWER, Expiration: 'soon' })), /not a date/],
  ['too much', (response) => response.end('x'.repeat(1_000_000)), /larger than 65536 bytes/],
  [
    'half an answer',
    (response) => response.writeHead(200, { 'content-length': 100 }).write('{') && response.destroy(),
    /failed/,
  ],
  ['silence', () => {}, /did not answer within 200 ms/],
  ['drops without end', (response) => void response.write('{'), /did not answer within 200 ms/],
];

for (const [name, respond, says] of BAD) {
  test(`says what is wrong: ${name}`, async () => {
    answer = (_, response) => respond(response);
    await assert.rejects(source().fetch(), (error) => {
      assert.match(errorText(error), says);
      assert.doesNotMatch(errorText(error), /planted/);
      return true;
    });
  });
}

test('a token that the nucleus does not know is called that', async () => {
  const stale = source({ AWS_CONTAINER_AUTHORIZATION_TOKEN: 'planted-stale' });
  await assert.rejects(stale.fetch(), (error) => {
    assert.match(errorText(error), /answered 403 .*AWS_CONTAINER_AUTHORIZATION_TOKEN/);
    assert.doesNotMatch(errorText(error), /planted/);
    return true;
  });
});

test('a missing or broken address is called that', async () => {
  for (const broken of [undefined, '', 'here']) {
    const reading = source({ AWS_CONTAINER_CREDENTIALS_FULL_URI: broken }).fetch();
    await assert.rejects(reading, /AWS_CONTAINER_CREDENTIALS_FULL_URI is not set to a URL/);
  }
});

function source(env: NodeJS.ProcessEnv = {}): TokenExchangeCredentials {
  return new TokenExchangeCredentials({
    env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_CONTAINER_AUTHORIZATION_TOKEN: TOKEN, ...env },
    clock: systemClock,
    timeoutMs: 200,
  });
}
