import { createHash } from 'node:crypto';

/**
 * The channel binding `tls-server-end-point` (RFC 5929, section 4.1): a certificate hashed with the hash function
 * of its own signature, MD5 and SHA-1 raised to SHA-256. A signature without one hash function (Ed25519) has
 * no such binding.
 */
export function certificateHash(der: Buffer): Buffer | undefined {
  const name = signatureHash(der);
  return name === undefined ? undefined : createHash(name).update(der).digest();
}

/** Object identifiers, by the hexadecimal of their DER content. */
const SIGNATURE_HASH: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};
const RSASSA_PSS = '2a864886f70d01010a';
/** The hash function named in the parameters of RSASSA-PSS; without one it is SHA-1 (RFC 4055, section 3.1). */
const PSS_HASH: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha256', // SHA-1
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const EXPLICIT_0 = 0xa0;

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature }. */
function signatureHash(der: Buffer): string | undefined {
  const certificate = element(der, 0, SEQUENCE);
  const toBeSigned = certificate && element(certificate.content, 0, SEQUENCE);
  const algorithm = toBeSigned && element(certificate.content, toBeSigned.end, SEQUENCE);
  const identifier = algorithm && element(algorithm.content, 0, OBJECT_IDENTIFIER);
  if (!identifier) return undefined;
  const name = identifier.content.toString('hex');
  if (name !== RSASSA_PSS) return SIGNATURE_HASH[name];
  const parameters = element(algorithm.content, identifier.end, SEQUENCE);
  const explicit = parameters && element(parameters.content, 0, EXPLICIT_0);
  if (!explicit) return parameters && 'sha256';
  const hash = element(explicit.content, 0, SEQUENCE);
  const hashName = hash && element(hash.content, 0, OBJECT_IDENTIFIER);
  return hashName && PSS_HASH[hashName.content.toString('hex')];
}

interface Element {
  readonly content: Buffer;
  /** Offset behind it. */
  readonly end: number;
}

/** The DER element at `offset`, if it is whole and has that tag. Lengths of up to four bytes. */
function element(bytes: Buffer, offset: number, tag: number): Element | undefined {
  if (bytes[offset] !== tag || offset + 2 > bytes.length) return undefined;
  const first = bytes[offset + 1]!;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const from = offset + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 4 || from > bytes.length) return undefined;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(offset + 2, lengthBytes);
  const end = from + length;
  return end > bytes.length ? undefined : { content: bytes.subarray(from, end), end };
}
