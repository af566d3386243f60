import { readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';
import { commandLine, isAlive, isRunning, waitForEnd, workingFolder } from './processes.ts';

/**
 * Before a start: what became of the PostgreSQL that last used a data folder? One whose gw is gone is stopped;
 * one whose gw lives keeps the folder; anything unclear is left to PostgreSQL's own interlock, which refuses.
 * The server carries its owner's name in its command line (`-c gw.owner=…`), so the two cannot disagree.
 */

/** How long the watchdog of a dead gw gets to stop its server before we do it. */
const WATCHDOG_MS = 2_000;
const FAST_STOP_MS = 15_000;
const IMMEDIATE_STOP_MS = 5_000;

/** The setting that carries the owner's name. PostgreSQL accepts any setting with a prefix. */
export const OWNER_SETTING = 'gw.owner';

/** Throws `configuration` when the folder is in use by someone who lives. */
export async function endFormerPostmaster(dataDir: string): Promise<void> {
  const pid = await recordedPid(dataDir);
  if (pid === undefined || !isAlive(pid)) return;
  const command = await commandLine(pid);
  const folder = await workingFolder(pid);
  if (folder !== undefined && folder !== (await realpath(dataDir))) {
    // The number was given to another process: after a crash in a container it often is. PostgreSQL itself
    // would refuse to start. A postmaster always works in its data folder.
    await rm(join(dataDir, 'postmaster.pid'), { force: true });
    return;
  }
  if (!command?.includes(dataDir)) return;
  const owner = new RegExp(`${OWNER_SETTING}=(\\d+\\.[^.\\s]+)`).exec(command)?.[1];
  if (owner === undefined || (await isRunning(owner))) throw inUse(dataDir, pid, owner);
  if (await waitForEnd(pid, WATCHDOG_MS)) return;
  for (const [signal, patience] of [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
  ] as const) {
    signalIfThere(pid, signal);
    if (await waitForEnd(pid, patience)) return;
  }
  throw new GwError('configuration', `A former PostgreSQL (process ${pid}) still uses ${dataDir}.`, {
    hint: `Stop it: kill -QUIT ${pid}`,
  });
}

async function recordedPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

function inUse(dataDir: string, pid: number, owner: string | undefined): GwError {
  const by =
    owner === undefined ? `PostgreSQL (process ${pid})` : `another gw (process ${owner.split('.')[0]})`;
  return new GwError('configuration', `The data folder ${dataDir} is in use by ${by}.`, {
    hint: 'Stop that one, or give this gw its own data folder. Several gateways share state through GW_DATABASE_URL.',
  });
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Ended by itself meanwhile.
  }
}
