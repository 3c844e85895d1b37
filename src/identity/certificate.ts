import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describePem } from './pem.ts';

/** The device's identity files, as configured. */
export interface IdentityPaths {
  certificatePath: string;
  privateKeyPath: string;
}

/** A certificate and its key, read and found to belong together. */
export interface DeviceIdentity {
  certificatePem: Buffer;
  privateKeyPem: Buffer;
  subject: string;
  notBefore: Date;
  notAfter: Date;
}

/** A certificate, key or CA file that cannot be used; the message names the file and the configuration key. */
export class IdentityFileError extends Error {
  override readonly name = 'IdentityFileError';
}

/** True for a key in a hardware module, which only the nucleus can use. */
export function isPkcs11(privateKeyPath: string): boolean {
  return privateKeyPath.startsWith('pkcs11:');
}

/**
 * Reads the device's certificate and private key and checks that they are what they should be and belong together.
 * Throws an `IdentityFileError`. A certificate out of its time is not one: the clock may be wrong (`daysLeft`).
 */
export async function readIdentity({
  certificatePath,
  privateKeyPath,
}: IdentityPaths): Promise<DeviceIdentity> {
  if (isPkcs11(privateKeyPath)) {
    throw new IdentityFileError(
      'device.privateKeyPath names a key in a PKCS#11 module, which this program cannot use: set credentials.source to "token-exchange" and let the Greengrass nucleus use the key',
    );
  }
  const certificatePem = await readIdentityFile(certificatePath, 'device.certificatePath');
  const privateKeyPem = await readIdentityFile(privateKeyPath, 'device.privateKeyPath');
  const certificate = await parseCertificate(certificatePem, certificatePath);
  const key = await parsePrivateKey(privateKeyPem, privateKeyPath);
  if (!certificate.checkPrivateKey(key)) {
    throw new IdentityFileError(
      `the private key ${privateKeyPath} (device.privateKeyPath) does not belong to the certificate ${certificatePath} (device.certificatePath)`,
    );
  }
  return {
    certificatePem,
    privateKeyPem,
    subject: certificate.subject.replaceAll('\n', ', '),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  };
}

/** The content of an identity file. Throws an `IdentityFileError` with the cure. */
export async function readIdentityFile(file: string, configurationKey: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reasons: Record<string, string> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read by this user: give it read access (for example with setfacl)',
      EISDIR: 'is a directory',
    };
    const reason = (typeof code === 'string' && reasons[code]) || 'cannot be read';
    throw new IdentityFileError(`the file ${file} (${configurationKey}) ${reason}`, { cause });
  }
}

/** Days until the certificate expires; negative since it has. `nowMs` in epoch milliseconds. */
export function daysLeft({ notAfter }: Pick<DeviceIdentity, 'notAfter'>, nowMs: number): number {
  return Math.floor((notAfter.getTime() - nowMs) / 86_400_000);
}

async function parseCertificate(pem: Buffer, file: string): Promise<X509Certificate> {
  try {
    if (!pem.includes('-----BEGIN')) throw new Error('no PEM');
    return new X509Certificate(pem);
  } catch {
    const found = await describePem(pem, 'certificate');
    throw new IdentityFileError(
      `the file ${file} (device.certificatePath) is not a PEM certificate: ${found}`,
    );
  }
}

async function parsePrivateKey(pem: Buffer, file: string): Promise<KeyObject> {
  try {
    return createPrivateKey(pem);
  } catch {
    const found = await describePem(pem, 'private key');
    throw new IdentityFileError(
      `the file ${file} (device.privateKeyPath) is not a PEM private key: ${found}`,
    );
  }
}
