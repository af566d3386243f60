import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { GwError } from '../core/errors.ts';

const GW = fileURLToPath(new URL('../../bin/gw.js', import.meta.url));
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 1_000_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Called with all of stderr so far each time there is more. */
  readonly onStderr?: (soFar: string) => void;
  readonly signal: AbortSignal;
}

/** Runs the real CLI as a child process without a terminal. Rejects when it hangs or cannot be started. */
export function runGw(args: readonly string[], { env, onStderr, signal }: RunOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [GW, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGTERM',
    });
    const seen = { stdout: '', stderr: '' };
    const keep = (stream: 'stdout' | 'stderr') => (text: string) => {
      if (seen[stream].length < MAX_OUTPUT_BYTES) seen[stream] += text;
      if (stream === 'stderr') onStderr?.(seen.stderr);
    };
    child.stdout.setEncoding('utf8').on('data', keep('stdout'));
    child.stderr.setEncoding('utf8').on('data', keep('stderr'));
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(signal.aborted ? new GwError('interrupted', 'The demo was stopped.') : error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, ...seen });
    });
  });
}
