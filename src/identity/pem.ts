/** PEM labels (RFC 7468 and what OpenSSL writes) in words. */
const LABELS: Record<string, string> = {
  CERTIFICATE: 'a certificate',
  'TRUSTED CERTIFICATE': 'a certificate in OpenSSL\'s own "trusted" form',
  'CERTIFICATE REQUEST': 'a certificate signing request',
  'NEW CERTIFICATE REQUEST': 'a certificate signing request',
  'PRIVATE KEY': 'a private key',
  'RSA PRIVATE KEY': 'a private key',
  'EC PRIVATE KEY': 'a private key',
  'ENCRYPTED PRIVATE KEY': 'a private key that is encrypted with a password',
  'PUBLIC KEY': 'a public key',
  'RSA PUBLIC KEY': 'a public key',
};

/**
 * Says what a file holds that is not the `wanted` PEM. Never repeats content. node-forge takes PEM apart where
 * OpenSSL only refuses it; it is loaded here and not before, since a healthy device never needs it (10 MB).
 */
export async function describePem(content: Buffer, wanted: 'certificate' | 'private key'): Promise<string> {
  if (content.length === 0) return 'it is empty';
  const text = content.toString('latin1');
  if (!text.includes('-----BEGIN')) {
    // Every DER certificate and key is an ASN.1 SEQUENCE.
    return content[0] === 0x30 ? 'it looks like DER, convert it with openssl' : 'it holds no PEM block';
  }
  const { default: forge } = await import('node-forge');
  let blocks;
  try {
    blocks = forge.pem.decode(text);
  } catch {
    return 'its PEM block is incomplete (was the file copied in part?)';
  }
  const encrypted = blocks.find(({ dekInfo }) => dekInfo);
  if (encrypted) return 'it holds a private key that is encrypted with a password: store it without one';
  const types = blocks.map(({ type }) => type);
  const found = [...new Set(types.map((type) => LABELS[type] ?? 'something else'))];
  const holds = `it holds ${found.join(' and ')}`;
  const isWanted = (type: string) => type.endsWith(wanted.toUpperCase()) && type !== 'ENCRYPTED PRIVATE KEY';
  const block = blocks.find(({ type }) => isWanted(type));
  if (!block) return holds;
  try {
    forge.asn1.fromDer(block.body);
  } catch {
    return `its ${wanted} is damaged (was the file copied in part?)`;
  }
  return `its ${wanted} is of a kind that cannot be used`;
}
