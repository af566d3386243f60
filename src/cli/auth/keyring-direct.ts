import { LIMITS } from '../../core/limits.ts';
import type { KeyringBackend } from './secret-store.ts';

/** The keychain of macOS and the credential manager of Windows: they answer, or ask the person themselves. */
export function keyringDirect(service: string): KeyringBackend {
  const entryOf = async (account: string) => {
    const { AsyncEntry } = await import('@napi-rs/keyring');
    return new AsyncEntry(service, account);
  };
  const signal = (): AbortSignal => AbortSignal.timeout(LIMITS.keyringUnlockTimeoutMs);
  return {
    async get(account) {
      const bytes = await (await entryOf(account)).getSecret(signal());
      return bytes === null ? undefined : Uint8Array.from(bytes);
    },
    async set(account, secret) {
      await (await entryOf(account)).setSecret(secret, signal());
    },
    async delete(account) {
      await (await entryOf(account)).deleteCredential(signal());
    },
  };
}
