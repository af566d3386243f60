import { chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';

/**
 * Makes a folder that only its user can enter, or makes sure that the one that exists is: in a shared place such
 * as /tmp somebody else may have made it first, and what we put there would be theirs.
 * @param whose `ours`: a folder of gw, its mode is mended; `given`: a folder the user named, left as it is
 * @throws GwError `configuration` when others own it or can enter it
 */
export async function privateFolder(folder: string, whose: 'ours' | 'given' = 'ours'): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32') return folder;
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== process.geteuid?.()) {
    throw new GwError('configuration', `The folder ${folder} belongs to somebody else.`, {
      hint: 'Use a folder of your own: set XDG_RUNTIME_DIR, or name another one.',
    });
  }
  if ((found.mode & 0o077) === 0) return folder;
  if (whose === 'given') {
    throw new GwError('configuration', `Others can enter the folder ${folder}.`, {
      hint: `Run "chmod 700 ${folder}", or name a folder that does not exist yet.`,
    });
  }
  await chmod(folder, 0o700);
  return folder;
}

/** A folder inside one of gw's own. Both are checked: who owns the outer one could replace the inner one. */
export async function privateSubfolder(outer: string, name: string): Promise<string> {
  return privateFolder(join(await privateFolder(outer), name));
}
