import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GwError } from '../../core/errors.ts';
import { POSTGRES_ENV } from './data-folder.ts';
import type { RunAs } from './run-as.ts';

/**
 * One running `postgres` process and its watchdog. Both have sessions of their own, so Ctrl-C reaches gw only
 * and gw decides the order of the shutdown. The watchdog is a shell that waits on a pipe of ours: when gw
 * ends in any way, kill -9 included, the pipe closes and the watchdog stops the server.
 */
export interface Postmaster {
  readonly pid: number;
  /** Resolves when the process has ended, with the last lines it logged. */
  readonly ended: Promise<readonly string[]>;
  readonly running: boolean;
  /** Fast shutdown (rolls back, disconnects, checkpoints), or an immediate one; escalates; idempotent. */
  stop(how: 'fast' | 'immediate'): Promise<void>;
}

export interface PostmasterOptions {
  readonly binDir: string;
  readonly dataDir: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly runAs: RunAs | undefined;
  readonly log: (line: string) => void;
}

const LOG_LINES_KEPT = 20;
const FAST_STOP_MS = 15_000;
const IMMEDIATE_STOP_MS = 5_000;

/** $0 pid, $1 data folder. The pid file tells whether the number still means our server after the wait. */
const WATCHDOG = `
trap '' HUP INT TERM
read -r line
kill -INT "$0" || exit 0
for second in 1 2 3 4 5 6 7 8 9 10; do
  sleep 1
  read -r pid < "$1/postmaster.pid" || exit 0
  [ "$pid" = "$0" ] || exit 0
done
kill -QUIT "$0"
`;

/** Starts the server process. It is not ready yet; a start that fails shows as `ended`. */
export async function spawnPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const settings = Object.entries(options.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(options.binDir, 'postgres'), ['-D', options.dataDir, ...settings], {
    ...options.runAs,
    cwd: '/',
    env: POSTGRES_ENV,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines = keepLines(child, options.log);
  await spawned(child);
  const watchdog = startWatchdog(child.pid!, options);
  let running = true;
  const ended = new Promise<readonly string[]>((resolve) => {
    child.once('close', () => {
      running = false;
      watchdog.kill('SIGKILL');
      resolve(lines);
    });
  });
  let stopping: Promise<void> | undefined;
  return {
    pid: child.pid!,
    ended,
    get running() {
      return running;
    },
    stop(how) {
      stopping ??= stopChild(child, ended, how);
      return stopping;
    },
  };
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(
        new GwError('configuration', 'The embedded PostgreSQL cannot be executed.', {
          hint: 'Run gw as an ordinary user, or set GW_DATABASE_URL to a PostgreSQL of yours.',
          cause,
        }),
      );
    });
  });
}

function keepLines(child: ChildProcess, log: (line: string) => void): readonly string[] {
  const lines: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LOG_LINES_KEPT) lines.shift();
    log(line);
  });
  return lines;
}

function startWatchdog(pid: number, { dataDir, runAs }: PostmasterOptions): ChildProcess {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, String(pid), dataDir], {
    ...runAs,
    cwd: '/',
    env: POSTGRES_ENV,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a watchdog the next start still finds and stops a server that was left behind.
  watchdog.on('error', () => undefined);
  watchdog.stdin?.on('error', () => undefined);
  return watchdog;
}

async function stopChild(
  child: ChildProcess,
  ended: Promise<unknown>,
  how: 'fast' | 'immediate',
): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', IMMEDIATE_STOP_MS],
  ];
  if (how === 'fast') steps.unshift(['SIGINT', FAST_STOP_MS]);
  for (const [signal, patience] of steps) {
    child.kill(signal);
    const late = Symbol();
    const timer = Promise.withResolvers<symbol>();
    const handle = setTimeout(() => timer.resolve(late), patience);
    const first = await Promise.race([ended, timer.promise]);
    clearTimeout(handle);
    if (first !== late) return;
  }
}
