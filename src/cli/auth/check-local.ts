import { stat } from 'node:fs/promises';
import { asGwError, GwError } from '../../core/errors.ts';
import { type Check, fail, ok, warn } from './check.ts';
import { askKeyring, keyringChoice, type StoreOptions } from './open-store.ts';
import type { Paths } from './paths.ts';
import { type Profiles, profilesPath, readProfiles } from './profiles.ts';

/** A check that failed with one of our errors, told in its words. */
export function failed(name: string, thrown: unknown): Check {
  const error = asGwError(thrown);
  return fail(name, error.detail ? `${error.message} ${error.detail}` : error.message, error.hint);
}

/** The profiles file: there, readable, nobody else's business. */
export async function checkConfig(paths: Paths): Promise<{ check: Check; profiles?: Profiles }> {
  const path = profilesPath(paths);
  try {
    const profiles = await readProfiles(paths);
    const names = Object.keys(profiles.profiles);
    if (names.length === 0) return { check: ok('configuration', `${path}: no profiles yet`), profiles };
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      return {
        check: warn('configuration', `${path} can be read by others`, `chmod 600 '${path}'`),
        profiles,
      };
    }
    return { check: ok('configuration', `${path}: ${names.join(', ')}`), profiles };
  } catch (error) {
    return { check: failed('configuration', error) };
  }
}

/** Where tokens can be kept. A machine without a keyring is fine: files take over. */
export async function checkKeyring(options: StoreOptions): Promise<Check> {
  try {
    if (keyringChoice(options.env) === 'file') return ok('keyring', 'not used: GW_KEYRING=file');
    await askKeyring(options);
    return ok('keyring', 'the keyring of the system answers');
  } catch (error) {
    if (error instanceof GwError && error.code === 'configuration' && keyringChoice(options.env) === 'auto') {
      return warn(
        'keyring',
        `none can be used here (${error.detail}); tokens are kept in an encrypted file`,
        'Fine on a server. On a desktop start or unlock the keyring, then: gw login',
      );
    }
    return failed('keyring', error);
  }
}

/** Which way requests go. */
export function checkProxy(url: URL, proxyFor: (url: URL) => URL | undefined): Check {
  try {
    const proxy = proxyFor(url);
    return ok('proxy', proxy ? `${proxy.protocol}//${proxy.host} for ${url.host}` : `none for ${url.host}`);
  } catch (error) {
    return failed('proxy', error);
  }
}
