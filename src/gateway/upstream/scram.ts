import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { LIMITS } from '../../core/limits.ts';
import type { Secret } from '../../core/secret.ts';
import { LoginFailed } from './failures.ts';
import { saslprep } from './saslprep.ts';

/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the client's side (RFC 5802, RFC 7677; channel binding RFC 5929). The
 * server proves that it knows the password too: a dialogue counts only when `verify` has returned.
 */

export const SCRAM = 'SCRAM-SHA-256';
export const SCRAM_PLUS = 'SCRAM-SHA-256-PLUS';

/**
 * What the connection offers for channel binding: the hash of the server's certificate, used with -PLUS;
 * `unused`: we could, but the server did not offer it (the server notices if that was a lie);
 * `none`: no TLS, or a certificate without a usable hash.
 */
export type ChannelBinding =
  | { readonly kind: 'tls-server-end-point'; readonly data: Buffer }
  | { readonly kind: 'unused' }
  | { readonly kind: 'none' };

interface ScramKeys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const deriveKey = promisify(pbkdf2);
const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();
const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, index) => byte ^ b[index]!));

/**
 * Remembers the keys of the last passwords and salts, so that only the first connection of a login pays for the
 * iterations. They are derived off the event loop, once for all who wait.
 */
export class ScramKeyCache {
  readonly #keys = new Map<string, Promise<ScramKeys>>();

  get(password: Secret, salt: Buffer, iterations: number): Promise<ScramKeys> {
    const prepared = saslprep(password.reveal());
    const name = `${iterations} ${salt.toString('base64')} ${sha256(prepared).toString('base64')}`;
    const known = this.#keys.get(name);
    const keys = known ?? derive(prepared, salt, iterations);
    // Again at the end: the one unused longest is the first to go.
    this.#keys.delete(name);
    this.#keys.set(name, keys);
    if (this.#keys.size > LIMITS.scramKeys) this.#keys.delete(this.#keys.keys().next().value!);
    if (!known) keys.catch(() => this.#keys.delete(name));
    return keys;
  }
}

async function derive(password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
  const salted = await deriveKey(password, salt, iterations, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmac(salted, 'Server Key') };
}

/** One SCRAM dialogue: `first`, then `final` with the server's first message, then `verify` with its last. */
export class ScramDialogue {
  readonly #binding: ChannelBinding;
  readonly #clientNonce: string;
  #serverSignature: Buffer | undefined;

  constructor(binding: ChannelBinding, clientNonce = randomBytes(18).toString('base64')) {
    this.#binding = binding;
    this.#clientNonce = clientNonce;
  }

  get mechanism(): typeof SCRAM | typeof SCRAM_PLUS {
    return this.#binding.kind === 'tls-server-end-point' ? SCRAM_PLUS : SCRAM;
  }

  /** client-first-message. The user name is empty: PostgreSQL takes that of the startup packet. */
  first(): Buffer {
    return Buffer.from(`${this.#gs2Header}n=,r=${this.#clientNonce}`);
  }

  /** client-final-message in answer to server-first-message. Throws LoginFailed. */
  async final(serverFirst: Buffer, password: Secret, keys: ScramKeyCache): Promise<Buffer> {
    const text = serverFirst.toString('latin1');
    const { nonce, salt, iterations } = parseServerFirst(text, this.#clientNonce);
    const { clientKey, storedKey, serverKey } = await keys.get(password, salt, iterations);
    const header = Buffer.from(this.#gs2Header);
    const bound =
      this.#binding.kind === 'tls-server-end-point' ? Buffer.concat([header, this.#binding.data]) : header;
    const withoutProof = `c=${bound.toString('base64')},r=${nonce}`;
    const authMessage = `n=,r=${this.#clientNonce},${text},${withoutProof}`;
    const proof = xor(clientKey, hmac(storedKey, authMessage));
    this.#serverSignature = hmac(serverKey, authMessage);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Checks server-final-message. Throws LoginFailed unless the server has proved that it knows the password. */
  verify(serverFinal: Buffer): void {
    const text = serverFinal.toString('latin1');
    const [, signature] = /^v=([A-Za-z0-9+/]{43}=)$/.exec(text) ?? [];
    const expected = this.#serverSignature;
    if (!signature || !expected || !timingSafeEqual(Buffer.from(signature, 'base64'), expected)) {
      throw new LoginFailed('The server did not prove that it knows the password of the login.');
    }
  }

  /** gs2-header: which channel binding, and no other authorization identity. */
  get #gs2Header(): string {
    if (this.#binding.kind === 'tls-server-end-point') return 'p=tls-server-end-point,,';
    return this.#binding.kind === 'unused' ? 'y,,' : 'n,,';
  }
}

/** server-first-message without extensions: `r=<nonce>,s=<salt>,i=<iterations>` in US-ASCII. */
function parseServerFirst(
  text: string,
  clientNonce: string,
): { nonce: string; salt: Buffer; iterations: number } {
  const [, nonce, salt, count] =
    /^r=([\x21-\x2b\x2d-\x7e]{1,512}),s=([A-Za-z0-9+/]{4,512}={0,2}),i=([1-9]\d{0,9})$/.exec(text) ?? [];
  const iterations = Number(count);
  if (!nonce || !salt || salt.length % 4 !== 0) {
    throw new LoginFailed('The server began SCRAM with a message that is not of RFC 5802.');
  }
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) {
    throw new LoginFailed('The server answered with a SCRAM nonce that does not extend ours.');
  }
  if (iterations > LIMITS.scramIterations) {
    throw new LoginFailed(
      `The server asks for ${iterations} SCRAM iterations; at most ${LIMITS.scramIterations} are accepted.`,
    );
  }
  return { nonce, salt: Buffer.from(salt, 'base64'), iterations };
}
