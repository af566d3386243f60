import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { KeyringBackend } from './secret-store.ts';

export interface KeyringRequest {
  readonly operation: 'get' | 'set' | 'delete';
  readonly service: string;
  readonly account: string;
  /** Base64. */
  readonly secret?: string;
}

export interface KeyringAnswer {
  readonly ready?: boolean;
  readonly done?: boolean;
  readonly secret?: string | null;
  readonly error?: string;
}

export interface KeyringWaits {
  /** Until the service answers at all. */
  readonly connectMs: number;
  /** From there on: a person may have to unlock the keyring. */
  readonly answerMs: number;
}

const child = fileURLToPath(new URL(`./keyring-child${extname(import.meta.url)}`, import.meta.url));

/** The keyring asked through keyring-child, which is killed when it takes longer than it may. */
export function keyringProcess(service: string, waits: KeyringWaits, env: NodeJS.ProcessEnv): KeyringBackend {
  const ask = (request: Omit<KeyringRequest, 'service'>): Promise<KeyringAnswer> =>
    askChild({ ...request, service }, waits, env);
  return {
    async get(account) {
      const { secret } = await ask({ operation: 'get', account });
      return typeof secret === 'string' ? Buffer.from(secret, 'base64') : undefined;
    },
    async set(account, bytes) {
      await ask({ operation: 'set', account, secret: Buffer.from(bytes).toString('base64') });
    },
    async delete(account) {
      await ask({ operation: 'delete', account });
    },
  };
}

function askChild(
  request: KeyringRequest,
  waits: KeyringWaits,
  env: NodeJS.ProcessEnv,
): Promise<KeyringAnswer> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, ['--no-warnings', child], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env,
      windowsHide: true,
    });
    const finish = (error: Error | undefined, answer?: KeyringAnswer): void => {
      clearTimeout(timer);
      process_.kill('SIGKILL');
      if (error) reject(error);
      else resolve(answer!);
    };
    const late = (): void => finish(new Error('the keyring does not answer'));
    let timer = setTimeout(late, waits.connectMs);
    createInterface({ input: process_.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as KeyringAnswer;
      if (answer.error !== undefined) finish(new Error(answer.error));
      else if (answer.done) finish(undefined, answer);
      else {
        clearTimeout(timer);
        timer = setTimeout(late, waits.answerMs);
      }
    });
    process_.once('error', (error) => finish(error));
    process_.once('close', () => finish(new Error('the keyring helper ended without an answer')));
    process_.stdin.on('error', () => {});
    process_.stdin.end(JSON.stringify(request));
  });
}
