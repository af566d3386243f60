import { spawn } from 'node:child_process';
import type { Ended } from './cli.ts';

/** Longer than any command takes, and shorter than a test may. */
const PATIENCE_MS = 30_000;

/** A command line as someone types it, in a shell and a process group of its own. */
export interface Shell {
  readonly ended: Promise<Ended>;
  /** The first group of the first match on a stream. */
  see(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string>;
  /** What Ctrl-C does. */
  interrupt(): void;
  terminate(): void;
}

export interface ShellOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What is typed; then the input ends. */
  readonly input?: string | undefined;
}

export function startShell(command: string, { cwd, env, input = '' }: ShellOptions): Shell {
  const child = spawn('bash', ['-c', command], { cwd, env, detached: true });
  child.stdin.on('error', () => {}).end(input);
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (more: string) => {
      text[stream] += more;
      for (const look of waiting) look();
    });
  }
  let over = false;
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      over = true;
      for (const look of waiting) look();
      resolve({ code: code ?? -1, ...text });
    });
  });
  const signal = (name: NodeJS.Signals): void => {
    if (!over) process.kill(-child.pid!, name);
  };
  return {
    ended,
    interrupt: () => signal('SIGINT'),
    terminate: () => signal('SIGTERM'),
    see: (stream, pattern) =>
      new Promise((resolve, reject) => {
        const finish = (settle: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          settle();
        };
        const fail = (): void =>
          reject(
            new Error(`${pattern} was not seen in what "${command}" wrote:\n${text.stdout}${text.stderr}`),
          );
        const look = (): void => {
          const found = pattern.exec(text[stream]);
          if (found) finish(() => resolve(found[1] ?? found[0]));
          else if (over) finish(fail);
        };
        const timer = setTimeout(() => finish(fail), PATIENCE_MS);
        waiting.add(look);
        look();
      }),
  };
}
