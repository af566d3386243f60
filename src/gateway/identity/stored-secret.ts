import { readFile } from 'node:fs/promises';
import { GwError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { EnvSource, FileSource } from '../config/types.ts';

/**
 * Reads a secret from the environment or a file, each time anew, so that a rotated one is picked up.
 * One line break at the end of a file is not part of it. @throws GwError configuration
 */
export async function readStoredSecret(
  source: EnvSource | FileSource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Secret> {
  const value = source.kind === 'env' ? env[source.name] : await readSecretFile(source.path);
  if (value !== undefined && value !== '') return new Secret(value);
  const where = source.kind === 'env' ? `environment variable ${source.name}` : `file ${source.path}`;
  throw new GwError('configuration', `The gateway cannot read a secret from the ${where}.`, {
    hint: 'Check with: gw serve --check',
  });
}

async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}
