import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * What can be known about another process by its number. Numbers are reused, so a process is named by its
 * number together with its start time, as the kernel (Linux) or `ps` (elsewhere) tells it.
 */

const run = promisify(execFile);
const onLinux = process.platform === 'linux';

/** True while a process with this number exists, also when it belongs to somebody else. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** `<pid>.<start time>`, or undefined when there is no such process. Has no spaces and no shell characters. */
export async function processName(pid: number): Promise<string | undefined> {
  const started = onLinux ? await startTicks(pid) : await ps(pid, 'lstart');
  return started === undefined ? undefined : `${pid}.${started.replace(/[^A-Za-z0-9]+/g, '-')}`;
}

/** Whether the process of a {@link processName} still runs. */
export async function isRunning(name: string): Promise<boolean> {
  const pid = Number(name.split('.')[0]);
  return Number.isSafeInteger(pid) && pid > 0 && (await processName(pid)) === name;
}

/** The command line with single spaces between arguments; undefined when it cannot be read. */
export async function commandLine(pid: number): Promise<string | undefined> {
  if (!onLinux) return ps(pid, 'args');
  const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return raw === '' ? undefined : raw.split('\0').join(' ').trimEnd();
}

/** The working folder; undefined when it cannot be read (always, except on Linux). */
export async function workingFolder(pid: number): Promise<string | undefined> {
  return onLinux ? readlink(`/proc/${pid}/cwd`).catch(() => undefined) : undefined;
}

/** Polls until the process is gone. Returns false when it is still there after `timeoutMs`. */
export async function waitForEnd(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

/** Field 22 of /proc/<pid>/stat (proc(5)), counted after the command's closing parenthesis, which may hold spaces. */
async function startTicks(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

async function ps(pid: number, column: string): Promise<string | undefined> {
  const result = await run('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)]).catch(() => undefined);
  return result?.stdout.trim() || undefined;
}
