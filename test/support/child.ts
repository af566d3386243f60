import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A TypeScript file of ours as a child process. */
export interface ChildScript {
  readonly process: ChildProcess;
  /** The next line on stdout; rejects with stderr when the process ends first. */
  line(): Promise<string>;
  /** Resolves with the exit code or signal. */
  readonly ended: Promise<number | string>;
}

export function startScript(file: string, args: readonly string[], options: SpawnOptions = {}): ChildScript {
  const child = spawn(process.execPath, [file, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  return {
    process: child,
    ended,
    async line() {
      const next = await lines.next();
      if (!next.done) return next.value;
      throw new Error(`${file} ended (${await ended}): ${stderr}`);
    },
  };
}
