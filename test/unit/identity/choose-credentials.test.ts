import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { errorText, FatalStartupError } from '../../../src/errors.ts';
import { chooseCredentials } from '../../../src/identity/choose-credentials.ts';
import type { CredentialsKind } from '../../../src/identity/credentials.ts';
import { createLog } from '../../../src/log.ts';
import { Pki, type CertificateFiles } from '../../cloud/pki.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

type Setting = 'auto' | CredentialsKind;

const NUCLEUS = {
  AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://localhost:1/',
  AWS_CONTAINER_AUTHORIZATION_TOKEN: 'x',
};
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'planted-secret' };
const NOTHING: CertificateFiles = { certificatePath: '', privateKeyPath: '' };
const PKCS11 = 'pkcs11:token=device;object=key';
const directory = mkdtempSync(join(tmpdir(), 'kvs-choose-'));
const log = Object.assign(createLog('error'), { level: 'silent' });
let files: CertificateFiles;
let mismatched: CertificateFiles;
let missing: CertificateFiles;
let hardware: CertificateFiles;

before(async () => {
  const pki = await Pki.open(directory);
  files = await pki.client('door');
  mismatched = { ...files, privateKeyPath: (await pki.client('other')).privateKeyPath };
  missing = { ...files, privateKeyPath: join(directory, 'nowhere.key') };
  hardware = { ...files, privateKeyPath: PKCS11 };
});
after(() => rmSync(directory, { recursive: true }));

const CHOSEN: [
  name: string,
  setting: Setting,
  files: () => CertificateFiles,
  env: object,
  kind: CredentialsKind,
][] = [
  ['auto, all there', 'auto', () => files, { ...NUCLEUS, ...KEYS }, 'x509'],
  ['auto, key missing', 'auto', () => missing, { ...NUCLEUS, ...KEYS }, 'token-exchange'],
  ['auto, key mismatched', 'auto', () => mismatched, NUCLEUS, 'token-exchange'],
  ['auto, key in hardware', 'auto', () => hardware, NUCLEUS, 'token-exchange'],
  ['auto, no certificate', 'auto', () => NOTHING, { ...NUCLEUS, ...KEYS }, 'token-exchange'],
  ['auto, access keys alone', 'auto', () => NOTHING, KEYS, 'environment'],
  ['auto, key missing and nothing else: waits for it', 'auto', () => missing, {}, 'x509'],
  ['x509', 'x509', () => files, { ...NUCLEUS, ...KEYS }, 'x509'],
  ['token-exchange', 'token-exchange', () => files, { ...NUCLEUS, ...KEYS }, 'token-exchange'],
  ['environment', 'environment', () => files, { ...NUCLEUS, ...KEYS }, 'environment'],
];

for (const [name, setting, device, env, kind] of CHOSEN) {
  test(`chosen: ${name} → ${kind}`, async () => {
    assert.equal((await choose(setting, device(), env)).kind, kind);
  });
}

const FATAL: [name: string, setting: Setting, files: () => CertificateFiles, env: object, says: RegExp][] = [
  [
    'x509, key missing',
    'x509',
    () => missing,
    { ...NUCLEUS, ...KEYS },
    /nowhere\.key \(device\.privateKeyPath\) does not exist/,
  ],
  [
    'x509, key mismatched',
    'x509',
    () => mismatched,
    NUCLEUS,
    /other\.key .* does not belong to the certificate .*door\.pem/,
  ],
  ['x509, key in hardware', 'x509', () => hardware, NUCLEUS, /PKCS#11.*token-exchange/],
  [
    'x509, not configured',
    'x509',
    () => NOTHING,
    KEYS,
    /device\.certificatePath, device\.privateKeyPath must be set/,
  ],
  [
    'token-exchange without nucleus',
    'token-exchange',
    () => files,
    KEYS,
    /AWS_CONTAINER_CREDENTIALS_FULL_URI is not set/,
  ],
  ['environment without keys', 'environment', () => files, NUCLEUS, /AWS_ACCESS_KEY_ID/],
  [
    'auto with nothing',
    'auto',
    () => NOTHING,
    {},
    /X\.509.*device\.certificatePath.*token exchange.*access keys/,
  ],
];

for (const [name, setting, device, env, says] of FATAL) {
  test(`fatal at start: ${name}`, async () => {
    await assert.rejects(choose(setting, device(), env), (error) => {
      assert.ok(error instanceof FatalStartupError);
      assert.match(errorText(error), says);
      assert.doesNotMatch(errorText(error), /planted-secret/);
      return true;
    });
  });
}

test('access keys come as they are, without an end', async () => {
  const source = await choose('environment', NOTHING, { ...KEYS, AWS_SESSION_TOKEN: 'token' });
  assert.deepEqual(await source.fetch(), {
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'planted-secret', sessionToken: 'token' },
  });
});

function choose(source: Setting, device: CertificateFiles, env: object) {
  const configured = device !== NOTHING;
  return chooseCredentials({
    config: {
      credentials: {
        source,
        endpoint: configured ? 'localhost:1' : '',
        roleAlias: configured ? 'alias' : '',
      },
      device: { thingName: 'door', rootCaPath: '', ...device },
    },
    env: { ...env },
    clock: new SimulatedClock(),
    log,
  });
}
