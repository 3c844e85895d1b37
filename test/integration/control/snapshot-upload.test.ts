import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SnapshotUpload } from '../../../src/control/snapshot-upload.ts';
import { errorText } from '../../../src/errors.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Pki } from '../../cloud/pki.ts';
import { fasterClock } from '../iot/support/device.ts';

const JPEG = Buffer.alloc(100_000, 0xd8);
const SECRET = 'X-Amz-Signature=0123456789abcdef';
const folder = mkdtempSync(join(tmpdir(), 'kvs-upload-'));
const requests: { method: string; url: string; type: string; body: Buffer }[] = [];
let server: Server;
let host: string;
let agent: Agent;

/** A bucket that says no in several ways. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = '', url = '', headers } = request;
  requests.push({ method, url, type: headers['content-type'] ?? '', body: Buffer.concat(chunks) });
  if (url.startsWith('/hang')) return;
  if (url.startsWith('/moved')) response.writeHead(307, { location: `https://${host}/elsewhere` }).end();
  else if (url.startsWith('/expired'))
    response.writeHead(403).end(`<Error><Code>AccessDenied</Code><Resource>${url}</Resource></Error>`);
  else response.end();
}

before(async () => {
  const pki = await Pki.open(folder);
  const { certificatePath, privateKeyPath } = await pki.server(['127.0.0.1']);
  const tls = { cert: readFileSync(certificatePath), key: readFileSync(privateKeyPath) };
  server = createServer(tls, (request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  agent = new Agent({ ca: readFileSync(pki.caPath) });
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const upload = (options: object = {}) =>
  new SnapshotUpload({ hosts: [host], agent, clock: systemClock, ...options });
const urlOf = (path: string) => upload().check(`https://${host}${path}?${SECRET}`);

test('a picture is put to a presigned URL as it is', async () => {
  await upload().put(urlOf('/front.jpg'), JPEG);
  const { method, url, type, body } = requests.at(-1)!;
  assert.deepEqual([method, url, type], ['PUT', `/front.jpg?${SECRET}`, 'image/jpeg']);
  assert.ok(body.equals(JPEG));
});

test('only https, and only hosts of the configuration', () => {
  const { port, hostname } = new URL(`https://${host}`);
  const refused = [
    undefined,
    7,
    '',
    'front.jpg',
    `http://${host}/`,
    `ftp://${host}/`,
    'file:///etc/passwd',
    'https://169.254.169.254/latest/meta-data',
    `https://${hostname}/`,
    `https://${hostname}:${Number(port) + 1}/`,
    `https://localhost:${port}/`,
    `https://${host}.example.com/`,
    `https://${host}@example.com/`,
    `https://user:password@${host}/`,
    `https://example.com/https://${host}/`,
  ];
  for (const address of refused)
    assert.throws(() => upload().check(address), /^Error: url: /, String(address));
  assert.throws(() => upload({ hosts: [] }).check(`https://${host}/`), /uploadHosts does not name/);
  assert.equal(
    upload({ hosts: ['Bucket.S3.amazonaws.com'] }).check('https://bucket.s3.amazonaws.com:443/a').port,
    '',
  );
});

test('what fails is told without the URL, and a redirect is not followed', async () => {
  const earlier = requests.length;
  const faults: [path: string, says: RegExp][] = [
    ['/expired', /answered 403 AccessDenied$/],
    ['/moved', /answered 307$/],
    ['/hang', /has not taken the picture within 10000 ms/],
  ];
  for (const [path, says] of faults) {
    const clock = path === '/hang' ? fasterClock(50) : systemClock;
    await assert.rejects(upload({ clock }).put(urlOf(path), JPEG), (error) => {
      assert.match(errorText(error), says);
      assert.doesNotMatch(errorText(error), /Signature|expired|moved|hang/);
      return true;
    });
  }
  assert.equal(requests.length, earlier + faults.length);
  // Of an authority that nobody knows.
  await assert.rejects(
    upload({ agent: new Agent() }).put(urlOf('/front.jpg'), JPEG),
    /the connection to .* failed/,
  );
});
