import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import forge from 'node-forge';
import { daysLeft, IdentityFileError, readIdentity } from '../../../src/identity/certificate.ts';
import { Pki, type CertificateFiles } from '../../cloud/pki.ts';

const DAY_MS = 86_400_000;
const directory = mkdtempSync(join(tmpdir(), 'kvs-identity-'));
const ec: CertificateFiles = {
  certificatePath: fixture('ec-certificate.pem'),
  privateKeyPath: fixture('ec-private-key.pem'),
};
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
let pki: Pki;
let rsa: CertificateFiles;
let other: CertificateFiles;

before(async () => {
  chmodSync(directory, 0o755);
  pki = await Pki.open(join(directory, 'pki'));
  rsa = await pki.client('door');
  other = await pki.client('other');
});
after(() => rmSync(directory, { recursive: true }));

test('an RSA and an EC certificate with their keys are accepted', async () => {
  assert.equal((await readIdentity(rsa)).subject, 'CN=door');
  assert.equal((await readIdentity(ec)).subject, 'CN=ec-device');
});

test('a certificate may come with its chain', async () => {
  const chain = written(
    'chain.pem',
    readFileSync(rsa.certificatePath, 'utf8') + readFileSync(pki.caPath, 'utf8'),
  );
  assert.equal((await readIdentity({ ...rsa, certificatePath: chain })).subject, 'CN=door');
});

test('an expired or early certificate is read; how long it lasts is said', async () => {
  const now = Date.now();
  const validity = { notBefore: new Date(now - 20 * DAY_MS), notAfter: new Date(now - 10 * DAY_MS) };
  const expired = await readIdentity(await pki.client('old', 'old', validity));
  assert.equal(daysLeft(expired, now), -11);
  assert.equal(daysLeft(expired, now - 15 * DAY_MS), 4);
  assert.equal(daysLeft(await readIdentity(rsa), now), 364);
});

/** Which file is replaced by what, and what the message must say beside the file's name and configuration key. */
const BROKEN: [name: string, which: keyof CertificateFiles, content: () => string | Buffer, says: RegExp][] =
  [
    [
      'another key',
      'privateKeyPath',
      () => readFileSync(other.privateKeyPath),
      /does not belong to the certificate/,
    ],
    [
      'an EC key for RSA',
      'privateKeyPath',
      () => readFileSync(ec.privateKeyPath),
      /does not belong to the certificate/,
    ],
    [
      'a key as certificate',
      'certificatePath',
      () => readFileSync(rsa.privateKeyPath),
      /it holds a private key/,
    ],
    [
      'a certificate as key',
      'privateKeyPath',
      () => readFileSync(rsa.certificatePath),
      /it holds a certificate/,
    ],
    ['a request as certificate', 'certificatePath', signingRequest, /it holds a certificate signing request/],
    ['a public key as key', 'privateKeyPath', publicKey, /it holds a public key/],
    ['an encrypted key', 'privateKeyPath', () => encryptedKey('pkcs8'), /encrypted with a password/],
    ['an encrypted key, old form', 'privateKeyPath', () => encryptedKey('sec1'), /encrypted with a password/],
    ['DER', 'certificatePath', () => pemBody(readFileSync(rsa.certificatePath, 'utf8')), /looks like DER/],
    ['half a certificate', 'certificatePath', () => half(rsa.certificatePath), /incomplete/],
    [
      'a damaged certificate',
      'certificatePath',
      () => pem('CERTIFICATE', Buffer.alloc(600, 0x30)),
      /damaged/,
    ],
    [
      'a damaged key',
      'privateKeyPath',
      () => pem('PRIVATE KEY', Buffer.from([0x30, 0x82, 9, 9, 1])),
      /damaged/,
    ],
    [
      'a key of an unknown kind',
      'privateKeyPath',
      () => pem('PRIVATE KEY', Buffer.from([0x30, 0])),
      /cannot be used/,
    ],
    ['nothing', 'certificatePath', () => '', /it is empty/],
    ['something else', 'privateKeyPath', () => 'hello', /no PEM block/],
  ];

for (const [name, which, content, says] of BROKEN) {
  test(`refused with the file's name: ${name}`, async () => {
    const file = written(`${name}.pem`, content());
    await assert.rejects(readIdentity({ ...rsa, [which]: file }), (error) => {
      assert.ok(error instanceof IdentityFileError);
      assert.match(error.message, says);
      assert.ok(error.message.includes(file) && error.message.includes(`device.${which}`), error.message);
      return true;
    });
  });
}

test('a file that is not there, or is a directory, is named', async () => {
  const missing = join(directory, 'nowhere.pem');
  await assert.rejects(
    readIdentity({ ...rsa, privateKeyPath: missing }),
    /nowhere\.pem \(device\.privateKeyPath\) does not/,
  );
  const folder = join(directory, 'folder');
  mkdirSync(folder);
  await assert.rejects(
    readIdentity({ ...rsa, certificatePath: folder }),
    /device\.certificatePath\) is a directory/,
  );
});

test('a key that this user may not read is named, with the cure', async () => {
  const file = written('locked.key', readFileSync(rsa.privateKeyPath));
  const { certificatePath } = rsa;
  const open = written('open.pem', readFileSync(certificatePath));
  chmodSync(file, 0o000);
  const asRoot = process.geteuid?.() === 0;
  // root may read everything: become nobody for a moment.
  if (asRoot) process.seteuid?.(65_534);
  try {
    const reading = readIdentity({ certificatePath: open, privateKeyPath: file });
    await assert.rejects(
      reading,
      /locked\.key \(device\.privateKeyPath\) may not be read by this user: .*setfacl/,
    );
  } finally {
    if (asRoot) process.seteuid?.(0);
  }
});

test('a key in a PKCS#11 module is answered with the way to use it', async () => {
  const privateKeyPath = 'pkcs11:token=device;object=key;pin-value=1234';
  await assert.rejects(readIdentity({ ...rsa, privateKeyPath }), (error) => {
    assert.ok(error instanceof IdentityFileError);
    assert.match(error.message, /PKCS#11.*credentials\.source to "token-exchange"/);
    assert.doesNotMatch(error.message, /1234/);
    return true;
  });
});

function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

function written(name: string, content: string | Buffer): string {
  const file = join(directory, name.replaceAll(/[ ,]/g, '-'));
  writeFileSync(file, content);
  return file;
}

function signingRequest(): string {
  const request = forge.pki.createCertificationRequest();
  const pair = forge.pki.privateKeyFromPem(readFileSync(rsa.privateKeyPath, 'utf8'));
  request.publicKey = forge.pki.setRsaPublicKey(pair.n, pair.e);
  request.setSubject([{ name: 'commonName', value: 'door' }]);
  request.sign(pair, forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(request);
}

function publicKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();
}

function encryptedKey(type: 'pkcs8' | 'sec1'): string {
  return key.export({ type, format: 'pem', cipher: 'aes-128-cbc', passphrase: 'secret' }).toString();
}

function half(file: string): string {
  const text = readFileSync(file, 'utf8');
  return text.slice(0, text.length / 2);
}

function pemBody(text: string): Buffer {
  return Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
