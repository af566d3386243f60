/** Small files of ours: private to the user, written whole or not at all. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GwError } from '../../core/errors.ts';

/** Nothing we keep in a file is near this; a larger one is not ours. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/** The text of a file; undefined where there is none. Throws `configuration` when it cannot be read. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw new GwError('configuration', `${path} is too large to be a file of gw.`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, 'read', error);
  }
}

/** Replaces a file: readers see the old text or the new one, also after a crash. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await makeFolder(dirname(path));
    const file = await open(temporary, 'wx', PRIVATE_FILE);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw unreadable(path, 'written', error);
  }
}

/** Makes a folder that only the user can enter; one that exists keeps its mode. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
}

export async function removePrivate(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw unreadable(path, 'removed', error);
  }
}

/** Takes away what others may do with a file; @returns true when there was something to take. */
export async function tighten(path: string): Promise<boolean> {
  if (process.platform === 'win32') return false;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return false;
  await chmod(path, PRIVATE_FILE);
  return true;
}

function unreadable(path: string, what: string, error: unknown): GwError {
  if (error instanceof GwError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new GwError('configuration', `${path} cannot be ${what}${code ? ` (${code})` : ''}.`, {
    hint: 'Check who owns the file and its folder, and that the disk has room. GW_CONFIG_HOME names another folder.',
    cause: error,
  });
}
