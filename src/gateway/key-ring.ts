import { LIMITS } from '../core/limits.ts';
import {
  generateSigningKey,
  type SigningKey,
  type SigningKeys,
  signingKeyFromPem,
  signingKeyToPem,
} from './identity/signing-keys.ts';
import type { NewSigningKey, SigningKeyStore, StoredSigningKey } from './store/signing-keys.ts';

/** What the store calls to make a fresh key. */
export async function newSigningKey(): Promise<NewSigningKey> {
  const key = generateSigningKey();
  return { kid: key.kid, algorithm: 'EdDSA', privateKeyPem: signingKeyToPem(key) };
}

/** The signing keys of the control database, held in memory and read again now and then. */
export class KeyRing implements SigningKeys {
  readonly #store: SigningKeyStore;
  #keys: readonly [SigningKey, ...SigningKey[]];
  #readAtMs: number;
  #reading: Promise<void> | undefined;

  private constructor(store: SigningKeyStore, keys: readonly StoredSigningKey[]) {
    this.#store = store;
    this.#keys = parsed(keys);
    this.#readAtMs = Date.now();
  }

  static async open(store: SigningKeyStore): Promise<KeyRing> {
    return new KeyRing(store, await store.usable());
  }

  current(): SigningKey {
    return this.#keys[0];
  }

  find(kid: string): SigningKey['publicKey'] | undefined {
    return this.#keys.find((key) => key.kid === kid)?.publicKey;
  }

  /** Reads the keys anew, at most once every `signingKeyRefreshMs`; rejects when the control database is away. */
  refresh(): Promise<void> {
    if (Date.now() - this.#readAtMs < LIMITS.signingKeyRefreshMs) return Promise.resolve();
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    this.#readAtMs = Date.now();
    this.#keys = parsed(await this.#store.usable());
  }
}

function parsed(keys: readonly StoredSigningKey[]): readonly [SigningKey, ...SigningKey[]] {
  const [first, ...rest] = keys.map((key) => signingKeyFromPem(key.privateKeyPem.reveal()));
  return [first!, ...rest];
}
