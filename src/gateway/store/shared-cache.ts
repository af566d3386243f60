import { randomBytes } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';

/**
 * A folder in the system's temp folder that others can read and only we can write. The temp folder is
 * everybody's: a folder of that name that is not ours, or that others may write, is refused, never used or
 * removed. Entries appear by rename, so nobody sees half of one.
 */

/** Makes or checks `<tmp>/gw-cache-<uid>` and returns its path. Throws `configuration` when it cannot be trusted. */
export async function sharedCache(parent: string = tmpdir()): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const path = join(parent, `gw-cache-${uid}`);
  const above = await stat(parent);
  const othersMayRename = (above.mode & 0o022) !== 0 && (above.mode & 0o1000) === 0;
  await mkdir(path, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(path);
  if (othersMayRename || !found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new GwError('configuration', `The folder ${path} cannot be trusted: others could change it.`, {
      hint: 'Remove it, or set TMPDIR to a folder that only you can write.',
    });
  }
  return path;
}

/**
 * A copy of the tree `source`, named `key`, in the cache, readable for all; `finish` completes a fresh copy
 * before it appears. A copy that lacks files of the source (temp cleaners delete old files) is made anew.
 */
export async function cachedCopy(
  cache: string,
  key: string,
  source: string,
  finish: (copy: string) => Promise<void>,
): Promise<string> {
  const path = join(cache, key);
  if (await holds(path, source)) return path;
  const fresh = join(cache, `.${key}-${randomBytes(9).toString('hex')}`);
  try {
    await cp(source, fresh, { recursive: true, verbatimSymlinks: true });
    await openForAll(fresh);
    await finish(fresh);
    await rename(fresh, path).catch(async (error: unknown) => {
      if (await holds(path, source)) return;
      await rename(path, `${fresh}-old`).catch(() => Promise.reject(error));
      await rename(fresh, path);
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(`${fresh}-old`, { recursive: true, force: true });
  }
  return path;
}

/** A clone made under a strict umask has files that only we can read: gives everybody what the owner may read. */
async function openForAll(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const executable = entry.isDirectory() || ((await lstat(path)).mode & 0o100) !== 0;
    await chmod(path, executable ? 0o755 : 0o644);
  }
}

/** Whether every file of `source` is in `copy` with the same size. The copy may hold more. */
async function holds(copy: string, source: string): Promise<boolean> {
  try {
    const entries = await readdir(source, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const same = await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        const [ours, theirs] = await Promise.all([lstat(join(copy, path.slice(source.length))), lstat(path)]);
        return ours.isFile() && ours.size === theirs.size;
      }),
    );
    return same.every(Boolean);
  } catch {
    return false;
  }
}
