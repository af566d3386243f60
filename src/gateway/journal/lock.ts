import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';

/**
 * One gateway per folder. The lock file names its owner: process id, when that process started and which boot
 * of the machine it was, so that a lock left behind by a crash is known from one that is held even where ids are used
 * again (in a container the gateway is always process 1). It is made by link(2), which is atomic and
 * never replaces, and a stale one is moved away first and looked at again, so that of two gateways that start
 * at once only one goes on. Gateways on different machines, or in different containers, are not told apart.
 */
interface Owner {
  readonly pid: number;
  /** Empty where the system does not tell. */
  readonly started: string;
  readonly boot: string;
}

const ATTEMPTS = 3;

/** Takes the lock, or throws `configuration` naming the owner. @returns a function that gives it back. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, JSON.stringify(await ownerOf(process.pid)), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await linked(mine, path)) return () => rm(path, { force: true });
      await removeStale(path, folder);
    }
    throw held(folder, undefined);
  } finally {
    await rm(mine, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeStale(path: string, folder: string): Promise<void> {
  const seen = await readOwner(path);
  if (seen.owner !== undefined && (await isAlive(seen.owner))) throw held(folder, seen.owner);
  const aside = `${path}.stale.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Another gateway may have cleared the stale lock and taken its own in between: then that one is put back.
  if ((await readOwner(aside)).text !== seen.text) await linked(aside, path);
  await rm(aside, { force: true });
}

async function readOwner(path: string): Promise<{ text: string; owner: Owner | undefined }> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const { pid, started, boot } = JSON.parse(text) as Owner;
    return { text, owner: { pid, started, boot } };
  } catch {
    return { text, owner: undefined };
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await ownerOf(owner.pid);
  return now.started === owner.started && now.boot === owner.boot;
}

async function ownerOf(pid: number): Promise<Owner> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  // proc(5): the 22nd field is the start time; the second may hold spaces, so count from its parenthesis.
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return { pid, started, boot: boot.trim() };
}

function held(folder: string, owner: Owner | undefined): GwError {
  const by = owner === undefined ? 'another gateway' : `the gateway with process id ${owner.pid}`;
  return new GwError('configuration', `The journal folder ${folder} is in use by ${by}.`, {
    hint: 'Stop that gateway, or give this one a data folder of its own ("data" in gw.yaml).',
  });
}
