/**
 * Where tokens are kept: the keyring of the operating system, and encrypted files where there is none.
 * GW_KEYRING=os or =file decides; without it signing in tries the keyring, and the profile remembers which
 * it was. So a machine without a keyring pays for finding out once, and a keyring that cannot be asked for
 * a while is told apart from one that holds nothing.
 */
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { chunkedKeyring } from './chunked-keyring.ts';
import { fileStore, keyPath } from './file-store.ts';
import { readPrivate } from './files.ts';
import { keyringDirect } from './keyring-direct.ts';
import { keyringProcess } from './keyring-process.ts';
import type { Paths } from './paths.ts';
import type { Place, SecretStore } from './secret-store.ts';

export interface StoreOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly paths: Paths;
  readonly platform?: NodeJS.Platform;
  /** A person is there who may unlock the keyring. */
  readonly canPrompt: boolean;
  /** Says, once, that tokens go to files. */
  note(text: string): void;
}

const SERVICE = 'gw';
/** Windows: CRED_MAX_CREDENTIAL_BLOB_SIZE is 2,560. Elsewhere an entry holds what we have. */
const ENTRY_BYTES = { win32: 2_500, other: 512 * 1024 };

export type KeyringChoice = 'auto' | 'os' | 'file';

/** @throws GwError `usage` for another value of GW_KEYRING */
export function keyringChoice(env: NodeJS.ProcessEnv): KeyringChoice {
  const choice = env.GW_KEYRING || 'auto';
  if (choice === 'auto' || choice === 'os' || choice === 'file') return choice;
  throw new GwError('usage', `GW_KEYRING=${choice} is not known.`, { hint: 'Set it to auto, os or file.' });
}

/** @param known where the profile says its tokens are; undefined at the first sign-in */
export function openStore(options: StoreOptions, known?: Place): SecretStore {
  const choice = keyringChoice(options.env);
  const files = fileStore(options.paths);
  if (choice === 'file') return files;
  if (choice === 'os') return strict(osKeyring(options));
  if (known === 'file') return files;
  const keyring = hasBus(options) ? strict(osKeyring(options)) : noKeyring();
  return withFallback(keyring, files, options);
}

/** On Linux the keyring is a service on the session bus: without a bus there is none. */
function hasBus({ env, platform = process.platform }: StoreOptions): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  return Boolean(env.DBUS_SESSION_BUS_ADDRESS || env.XDG_RUNTIME_DIR);
}

function noKeyring(): SecretStore {
  const none = (): Promise<never> => Promise.reject(new Error('there is no session bus'));
  return strict({ place: 'keyring', where: 'the keyring of the system', get: none, set: none, delete: none });
}

function osKeyring(options: StoreOptions): SecretStore {
  const platform = options.platform ?? process.platform;
  const direct = platform === 'darwin' || platform === 'win32';
  const waits = {
    connectMs: LIMITS.keyringTimeoutMs,
    answerMs: options.canPrompt ? LIMITS.keyringUnlockTimeoutMs : LIMITS.keyringTimeoutMs,
  };
  const backend = direct ? keyringDirect(SERVICE) : keyringProcess(SERVICE, waits, options.env);
  const bytes = platform === 'win32' ? ENTRY_BYTES.win32 : ENTRY_BYTES.other;
  return chunkedKeyring(backend, bytes, 'the keyring of the system');
}

/** Whether the keyring of the system answers. Rejects with GwError `configuration` when it does not. */
export async function askKeyring(options: StoreOptions): Promise<void> {
  await (hasBus(options) ? strict(osKeyring(options)) : noKeyring()).get('gw doctor');
}

function strict(keyring: SecretStore): SecretStore {
  const must = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      throw new GwError('configuration', 'The keyring of the system cannot be used.', {
        detail: error instanceof Error ? error.message : undefined,
        hint: 'Unlock or start it; or keep tokens in an encrypted file: GW_KEYRING=file gw login',
        cause: error,
      });
    }
  };
  return {
    ...keyring,
    get: (account) => must(keyring.get(account)),
    set: (account, secret) => must(keyring.set(account, secret)),
    delete: (account) => must(keyring.delete(account)),
  };
}

function withFallback(keyring: SecretStore, files: SecretStore, options: StoreOptions): SecretStore {
  let now = keyring;
  return {
    get place() {
      return now.place;
    },
    get where() {
      return now.where;
    },
    get: (account) => now.get(account),
    async set(account, secret) {
      if (now === keyring) {
        try {
          await keyring.set(account, secret);
          await files.delete(account);
          return;
        } catch {
          now = files;
        }
      }
      const first = (await readPrivate(keyPath(options.paths))) === undefined;
      await files.set(account, secret);
      if (first) {
        options.note(
          `No keyring can be used here: tokens are kept encrypted in ${files.where}, for you alone.`,
        );
      }
    },
    async delete(account) {
      await files.delete(account);
      if (now === keyring) await keyring.delete(account);
    },
  };
}
