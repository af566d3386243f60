import { type ExecFileException, execFile } from 'node:child_process';
import { LIMITS } from '../../core/limits.ts';
import { LoginFailed } from './failures.ts';

/**
 * Runs a program and gives its standard output. No shell, no standard input, limited in time and size. What it
 * printed and its arguments are in no error: either may hold a secret.
 */
export function commandOutput(
  argv: readonly string[],
  timeoutMs: number = LIMITS.loginCommandTimeoutMs,
): Promise<string> {
  const [program, ...rest] = argv;
  return new Promise((resolve, reject) => {
    if (program === undefined) throw new LoginFailed('The login has an empty command.');
    const options = {
      encoding: 'utf8',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: LIMITS.authMessageBytes,
      windowsHide: true,
    } as const;
    const child = execFile(program, rest, options, (error, stdout) => {
      if (error) reject(new LoginFailed(`The command ${program} ${ending(error, timeoutMs)}.`));
      else resolve(stdout);
    });
    child.stdin?.end();
  });
}

function ending(error: ExecFileException, timeoutMs: number): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'printed too much';
  if (error.killed) return `did not end within ${timeoutMs / 1_000} seconds`;
  if (typeof error.code === 'string') return `could not be started (${error.code})`;
  return error.signal ? `was ended by ${error.signal}` : `ended with exit code ${error.code}`;
}
