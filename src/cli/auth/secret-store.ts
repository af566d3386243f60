export type Place = 'keyring' | 'file';

/** Keeps a text secret for each account. */
export interface SecretStore {
  /** Where secrets are now; may change at `set`, when the keyring fails. */
  readonly place: Place;
  /** The same for messages: `the keyring of the system`, or the folder. */
  readonly where: string;
  get(account: string): Promise<string | undefined>;
  set(account: string, secret: string): Promise<void>;
  /** Removes it; fine when there is none. */
  delete(account: string): Promise<void>;
}

/** Bytes by account, as an operating system keeps them. Rejects when it cannot be asked. */
export interface KeyringBackend {
  get(account: string): Promise<Uint8Array | undefined>;
  set(account: string, secret: Uint8Array): Promise<void>;
  delete(account: string): Promise<void>;
}
