/**
 * One gw at a time, across processes: a lock file made with O_EXCL that says who holds it. Its holder
 * removes it; one left by a process that is gone is moved aside first and looked at again, so that of two
 * waiting processes only one takes it over, and a lock that came in between is put back.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GwError } from '../../core/errors.ts';
import { makeFolder } from './files.ts';

export interface LockOptions {
  /** How long to wait for another process. */
  readonly waitMs?: number;
}

const WAIT_MS = 30_000;
const POLL_MS = 40;
/** The holder touches its lock this often; whoever has not for STALE_MS is gone. */
const TOUCH_MS = 2_000;
const STALE_MS = 15_000;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly id: string;
}

/** Runs `work` while no other process runs under the same lock. Throws `failed` when it cannot be had in time. */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { waitMs = WAIT_MS }: LockOptions = {},
): Promise<T> {
  const mine: Holder = { pid: process.pid, host: hostname(), id: randomUUID() };
  await acquire(path, mine, waitMs);
  const touch = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), TOUCH_MS);
  touch.unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    if ((await read(path))?.id === mine.id) await rm(path, { force: true });
  }
}

async function acquire(path: string, mine: Holder, waitMs: number): Promise<void> {
  await makeFolder(dirname(path));
  const tries = Math.max(1, Math.ceil(waitMs / POLL_MS));
  for (let attempt = 0; attempt < tries; attempt++) {
    if (await tryTake(path, mine)) return;
    if (await isStale(path)) await moveAside(path);
    else await sleep(POLL_MS);
  }
  const holder = await read(path);
  throw new GwError('failed', `Another gw process${holder ? ` (${holder.pid})` : ''} holds ${path}.`, {
    hint: 'Wait for it to end; if there is none, remove the file.',
  });
}

async function tryTake(path: string, mine: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(mine), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new GwError('configuration', `${path} cannot be written.`, {
      hint: 'Check who owns the folder; GW_CONFIG_HOME names another one.',
      cause: error,
    });
  }
}

async function read(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isStale(path: string): Promise<boolean> {
  const holder = await read(path);
  if (holder?.host === hostname() && !isAlive(holder.pid)) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > STALE_MS;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function moveAside(path: string): Promise<void> {
  const seen = await read(path);
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const moved = await read(aside);
  if (moved?.id !== seen?.id) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}
