import { createCipheriv } from 'node:crypto';

/** Protection profiles for DTLS-SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2). */
export type SrtpProfile = 'AES_CM_128_HMAC_SHA1_80' | 'AEAD_AES_128_GCM';

/** What DTLS-SRTP exports for one direction. */
export interface SrtpKeys {
  profile: SrtpProfile;
  /** 16 bytes. */
  masterKey: Buffer;
  /** 14 bytes for AES-CM, 12 for GCM. */
  masterSalt: Buffer;
}

/** Session keys of one direction, for RTP or for RTCP. */
export interface SessionKeys {
  profile: SrtpProfile;
  encryptionKey: Buffer;
  /** HMAC-SHA1 key, 20 bytes; not used by GCM. */
  authenticationKey: Buffer;
  /** As long as the master salt. */
  salt: Buffer;
}

const ENCRYPTION = 0;
const AUTHENTICATION = 1;
const SALT = 2;
const RTCP = 3;

/** Salt bytes of a profile. */
export function saltBytes(profile: SrtpProfile): number {
  return profile === 'AEAD_AES_128_GCM' ? 12 : 14;
}

/** RFC 3711 section 4.3 with a key derivation rate of 0; for GCM, RFC 7714 section 11. */
export function deriveSessionKeys(keys: SrtpKeys, kind: 'rtp' | 'rtcp'): SessionKeys {
  const { profile, masterKey, masterSalt } = keys;
  if (masterKey.length !== 16 || masterSalt.length !== saltBytes(profile)) {
    throw new Error(
      `SRTP ${profile} needs a master key of 16 and a salt of ${saltBytes(profile)} bytes, ` +
        `not ${masterKey.length} and ${masterSalt.length}`,
    );
  }
  const label = kind === 'rtp' ? 0 : RTCP;
  return {
    profile,
    encryptionKey: derive(masterKey, masterSalt, label + ENCRYPTION, 16),
    authenticationKey: derive(masterKey, masterSalt, label + AUTHENTICATION, 20),
    salt: derive(masterKey, masterSalt, label + SALT, masterSalt.length),
  };
}

/** AES-CM as pseudo-random function (section 4.3.3); a 12-byte salt is padded with zeros on the right. */
function derive(masterKey: Buffer, masterSalt: Buffer, label: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  masterSalt.copy(iv);
  // The key id is label || index, 56 bits, aligned to the right end of the 112-bit salt; the index is 0.
  iv[7]! ^= label;
  return createCipheriv('aes-128-ctr', masterKey, iv).update(Buffer.alloc(bytes));
}
