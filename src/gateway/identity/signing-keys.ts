import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { GwError } from '../../core/errors.ts';

/** An Ed25519 key pair that signs session grants. `kid` is its RFC 7638 thumbprint. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** The keys of this deployment, shared by its gateways; who keeps them implements this. */
export interface SigningKeys {
  current(): SigningKey;
  /** The public key of this id, as long as grants signed with it count. */
  find(kid: string): KeyObject | undefined;
  /** Reads anew: another gateway may have made a key that is not known here yet. Limits its own rate. */
  refresh?(): Promise<void>;
}

export function generateSigningKey(): SigningKey {
  return signingKey(generateKeyPairSync('ed25519').privateKey);
}

/** Private key as JWK (RFC 8037), a secret: for the key's keeper only. */
export function signingKeyToJwk(key: SigningKey): JsonWebKey {
  return { ...key.privateKey.export({ format: 'jwk' }), kid: key.kid };
}

export function signingKeyFromJwk(jwk: JsonWebKey): SigningKey {
  return signingKey(reading(() => createPrivateKey({ key: jwk, format: 'jwk' })));
}

/** Private key as PKCS #8 PEM, a secret: for the key's keeper only. */
export function signingKeyToPem(key: SigningKey): string {
  return key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
}

export function signingKeyFromPem(pem: string): SigningKey {
  return signingKey(reading(() => createPrivateKey(pem)));
}

/** Keys that do not change: the first signs, all verify. */
export function fixedSigningKeys(first: SigningKey, ...older: readonly SigningKey[]): SigningKeys {
  const byId = new Map([first, ...older].map((key) => [key.kid, key.publicKey]));
  return { current: () => first, find: (kid) => byId.get(kid) };
}

function signingKey(privateKey: KeyObject): SigningKey {
  if (privateKey.asymmetricKeyType !== 'ed25519') throw notAKey();
  const publicKey = createPublicKey(privateKey);
  const { crv, kty, x } = publicKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
  return { kid, privateKey, publicKey };
}

function reading(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    // The cause is dropped: it may quote the key.
    throw notAKey();
  }
}

const notAKey = () => new GwError('configuration', 'A signing key for session grants is not an Ed25519 key.');
