import { join } from 'node:path';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Config } from './config/types.ts';
import { newSigningKey } from './key-ring.ts';
import { openStore, type Store } from './store/store.ts';
import { loginSecret } from './upstream/login-secret.ts';

/** Opens the control database that the configuration names, or the embedded one in the data folder. */
export async function openControlDatabase(
  config: Config,
  log: (line: string) => void,
  clock: Clock = systemClock,
): Promise<Store> {
  const url = config.controlDatabase?.url;
  const at = url
    ? { url: await loginSecret(url, { clock, environment: process.env }).read() }
    : { folder: join(config.data, 'control') };
  return openStore({ at, generateSigningKey: newSigningKey, log });
}
