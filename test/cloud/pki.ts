import { generateKeyPair, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import forge from 'node-forge';

/** Paths of a certificate and its private key, both PEM. */
export interface CertificateFiles {
  certificatePath: string;
  privateKeyPath: string;
}

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

type Extension = Record<string, unknown> & { name: string };
type Signer = { certificate: forge.pki.Certificate; key: forge.pki.rsa.PrivateKey };

const DAY_MS = 86_400_000;
const newKeyPair = promisify(generateKeyPair);

/**
 * A certificate authority that keeps everything as PEM files in one directory and reuses what it finds there.
 * RSA 2048, SHA-256, as the certificates of AWS IoT. Keys come from node:crypto (forge's are slow), certificates
 * from forge.
 */
export class Pki {
  readonly caPath: string;
  readonly #directory: string;
  readonly #ca: Signer;

  private constructor(directory: string, ca: Signer) {
    this.#directory = directory;
    this.#ca = ca;
    this.caPath = join(directory, 'ca.pem');
  }

  /** `name` is the authority's common name; another name in another directory makes an untrusted one. */
  static async open(directory: string, name = 'Local Cloud CA'): Promise<Pki> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const files = paths(directory, 'ca');
    if (!existsSync(files.certificatePath)) {
      await issue(files, name, undefined, defaultValidity(), [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
        { name: 'subjectKeyIdentifier' },
      ]);
    }
    return new Pki(directory, {
      certificate: forge.pki.certificateFromPem(readFileSync(files.certificatePath, 'utf8')),
      key: forge.pki.privateKeyFromPem(readFileSync(files.privateKeyPath, 'utf8')),
    });
  }

  /** A server's certificate; `hosts` are DNS names and IP addresses. */
  async server(hosts: readonly string[]): Promise<CertificateFiles> {
    const files = paths(this.#directory, `server-${hosts.join('_').replace(/[^\w.-]/g, '-')}`);
    if (existsSync(files.certificatePath)) return files;
    const altNames = hosts.map((host) => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host }));
    return issue(files, hosts[0] ?? 'localhost', this.#ca, defaultValidity(), [
      ...leafExtensions({ serverAuth: true }),
      { name: 'subjectAltName', altNames },
    ]);
  }

  /** A client's certificate with `commonName`; `fileName` tells several certificates of one client apart. */
  async client(
    commonName: string,
    fileName = commonName,
    validity: Validity = defaultValidity(),
  ): Promise<CertificateFiles> {
    const files = paths(this.#directory, fileName);
    if (existsSync(files.certificatePath)) return files;
    return issue(files, commonName, this.#ca, validity, leafExtensions({ clientAuth: true }));
  }
}

/** SHA-256 fingerprint of a PEM certificate, as `TLSSocket.getPeerCertificate().fingerprint256` gives it. */
export function fingerprint(certificatePath: string): string {
  return new X509Certificate(readFileSync(certificatePath)).fingerprint256;
}

function paths(directory: string, name: string): CertificateFiles {
  return {
    certificatePath: join(directory, `${name}.pem`),
    privateKeyPath: join(directory, `${name}.key`),
  };
}

function defaultValidity(): Validity {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 365 * DAY_MS) };
}

function leafExtensions(usage: object): Extension[] {
  return [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', ...usage },
    { name: 'subjectKeyIdentifier' },
  ];
}

/** Without a signer the certificate signs itself. */
async function issue(
  files: CertificateFiles,
  commonName: string,
  signer: Signer | undefined,
  validity: Validity,
  extensions: Extension[],
): Promise<CertificateFiles> {
  const pair = await newKeyPair('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  // A first byte of 01 keeps the number positive (RFC 5280 §4.1.2.2) and without leading zeros (DER forbids them).
  certificate.serialNumber = `01${randomBytes(16).toString('hex')}`;
  certificate.validity.notBefore = validity.notBefore;
  certificate.validity.notAfter = validity.notAfter;
  const subject = [{ name: 'commonName', value: commonName }];
  certificate.setSubject(subject);
  certificate.setIssuer(signer ? signer.certificate.subject.attributes : subject);
  certificate.setExtensions(
    signer
      ? [
          ...extensions,
          {
            name: 'authorityKeyIdentifier',
            keyIdentifier: signer.certificate.generateSubjectKeyIdentifier().getBytes(),
          },
        ]
      : extensions,
  );
  certificate.sign(signer?.key ?? forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  writeFileSync(files.privateKeyPath, pair.privateKey, { mode: 0o600 });
  writeFileSync(files.certificatePath, forge.pki.certificateToPem(certificate));
  return files;
}
