import type { Fingerprint } from '../sdp.ts';
import type { DtlsAssociation } from './dtls.ts';

/** DTLS with the device's certificate. */
export interface LoadedDtls {
  fingerprint: Fingerprint;
  /**
   * @param onClosed The peer said that it is over.
   * @param onData Application data of the peer.
   */
  associate(
    send: (datagram: Buffer) => void,
    onClosed: () => void,
    preferGcm: boolean,
    onData: (data: Buffer) => void,
  ): DtlsAssociation;
}

/**
 * Loads DTLS when it is first asked for: werift costs 20 MB and a tenth of a second, which a device that nobody
 * watches need not spend. The certificate is made then too, once, and shared by all viewers.
 */
export class DtlsLoader {
  #loaded: Promise<LoadedDtls> | undefined;

  load(): Promise<LoadedDtls> {
    this.#loaded ??= loadDtls().catch((error: unknown) => {
      // The next viewer may have more luck.
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }
}

async function loadDtls(): Promise<LoadedDtls> {
  const { certificateFingerprint, DtlsAssociation, prepareCertificate } = await import('./dtls.ts');
  const certificate = await prepareCertificate();
  return {
    fingerprint: certificateFingerprint(certificate),
    associate: (...options) => new DtlsAssociation(certificate, ...options),
  };
}
