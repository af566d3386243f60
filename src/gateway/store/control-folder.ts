import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GwError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';

/**
 * The folder of the embedded control database: `db/` is PostgreSQL's and belongs to the user it runs as,
 * `password` is ours (0600). Others may pass through the folder, not list it: PostgreSQL has to reach `db/`.
 */
export interface ControlFolder {
  readonly dataDir: string;
  readonly password: Secret;
}

/**
 * Makes a folder, and those above it that are missing, so that others may pass through and nothing else. The
 * gateway's data folder has to be made so, before anything is made in it.
 */
export async function ensureDataFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o711 });
  for (let path = resolve(folder); first !== undefined && path.length >= first.length; path = dirname(path)) {
    await chmod(path, 0o711); // whatever the umask took away
  }
}

/** Makes the folder and its password when absent. Several processes may do so at once and get the same. */
export async function ensureControlFolder(folder: string): Promise<ControlFolder> {
  await ensureDataFolder(folder);
  return { dataDir: join(folder, 'db'), password: await ensurePassword(join(folder, 'password')) };
}

/** Written beside and linked into place: whoever links first decides, and nobody reads half a password. */
async function ensurePassword(path: string): Promise<Secret> {
  const found = await readPassword(path);
  if (found !== undefined) return found;
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(24).toString('base64url')}\n`);
    await file.sync();
    await link(fresh, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await file.close();
    await rm(fresh, { force: true });
  }
  return (await readPassword(path))!;
}

async function readPassword(path: string): Promise<Secret | undefined> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new GwError('configuration', `The password file ${path} of the control database cannot be read.`, {
      detail: cause.code,
      hint: 'Run gw as the user that made it.',
      cause,
    });
  });
  if (text === undefined) return undefined;
  if (text.trim() !== '') return new Secret(text.trim());
  throw new GwError('configuration', `The password file ${path} of the control database is empty.`, {
    hint: `Restore it from a backup, or move ${dirname(path)} away to begin anew.`,
  });
}
