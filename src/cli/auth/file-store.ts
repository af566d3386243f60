/**
 * Secrets in files, where no keyring runs. Each is encrypted with AES-256-GCM and bound to its account; the
 * key lies in a file of its own, readable by the user alone. Who can read all files of the user can decrypt
 * them; who gets hold of one folder, a backup of it or an image of the cache cannot.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GwError } from '../../core/errors.ts';
import { makeFolder, PRIVATE_FILE, readPrivate, removePrivate, tighten, writePrivate } from './files.ts';
import type { Paths } from './paths.ts';
import type { SecretStore } from './secret-store.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const EntrySchema = z.object({
  version: z.literal(1),
  nonce: z.base64(),
  tag: z.base64(),
  data: z.base64(),
});

export const keyPath = (paths: Paths): string => join(paths.config, 'credentials.key');

export function fileStore(paths: Paths): SecretStore {
  const folder = join(paths.data, 'credentials');
  const keyFile = keyPath(paths);
  const pathOf = (account: string): string =>
    join(folder, `${createHash('sha256').update(account).digest('hex').slice(0, 32)}.json`);
  return {
    place: 'file',
    where: folder,
    async get(account) {
      const text = await readPrivate(pathOf(account));
      if (text === undefined) return undefined;
      await tighten(pathOf(account));
      const key = await readKey(keyFile);
      return key && decrypt(text, account, key);
    },
    async set(account, secret) {
      const key = (await readKey(keyFile)) ?? (await createKey(keyFile, paths.config));
      await writePrivate(pathOf(account), encrypt(secret, account, key));
    },
    delete: (account) => removePrivate(pathOf(account)),
  };
}

async function readKey(path: string): Promise<Buffer | undefined> {
  const text = await readPrivate(path);
  if (text === undefined) return undefined;
  await tighten(path);
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new GwError('configuration', `${path} is damaged.`, {
    hint: `Remove it and sign in again: rm '${path}' && gw login`,
  });
}

/** Of two processes that make a key at the same time, both use the one that was first. */
async function createKey(path: string, folder: string): Promise<Buffer> {
  await makeFolder(folder);
  const text = randomBytes(KEY_BYTES).toString('base64');
  try {
    await writeFile(path, `${text}\n`, { flag: 'wx', mode: PRIVATE_FILE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new GwError('configuration', `${path} cannot be written.`, {
        hint: 'Check who owns the folder; GW_CONFIG_HOME names another one.',
        cause: error,
      });
    }
  }
  return (await readKey(path))!;
}

function encrypt(secret: string, account: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(account));
  const data = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  const base64 = (bytes: Buffer): string => bytes.toString('base64');
  return JSON.stringify({
    version: 1,
    nonce: base64(nonce),
    tag: base64(cipher.getAuthTag()),
    data: base64(data),
  });
}

function decrypt(text: string, account: string, key: Buffer): string {
  try {
    const { nonce, tag, data } = EntrySchema.parse(JSON.parse(text));
    const decipher = createDecipheriv(CIPHER, key, Buffer.from(nonce, 'base64'), { authTagLength: 16 })
      .setAAD(Buffer.from(account))
      .setAuthTag(Buffer.from(tag, 'base64'));
    return Buffer.concat([decipher.update(data, 'base64'), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new GwError('not_signed_in', 'What was stored at the last sign-in cannot be decrypted.', {
      detail: 'The file or its key was changed or belongs to another machine.',
      hint: 'gw login',
      cause: error,
    });
  }
}
