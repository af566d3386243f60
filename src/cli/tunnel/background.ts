/**
 * A tunnel that goes on after the command that started it. The command starts itself once more as a child with no
 * terminal, waits until the child says over a pipe that the way to the database is proven, or why it is not, and
 * lets it go.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ErrorBodySchema } from '../../contract/api.ts';
import { ERRORS, type ErrorCode, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type TunnelSummary, TunnelSummarySchema } from './registry.ts';

const NewsSchema = z.union([z.object({ ready: TunnelSummarySchema }), ErrorBodySchema]);
type News = z.infer<typeof NewsSchema>;

/**
 * Starts `gw` with these words in the background and waits for its news.
 * @param log gets what the child writes to stderr
 * @throws GwError: what the child met, or `failed` when it ended without a word
 */
export function startBackground(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  log: string,
): Promise<TunnelSummary> {
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  const output = openSync(log, 'a', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words], {
    detached: true,
    windowsHide: true,
    env,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  return new Promise((resolve, reject) => {
    const silent = (): GwError =>
      new GwError('failed', 'The tunnel in the background ended before it was ready.', {
        hint: `See ${log}.`,
      });
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (child.connected) child.disconnect();
      child.unref();
      settle();
    };
    const timer = setTimeout(() => {
      child.kill();
      finish(() => reject(silent()));
    }, LIMITS.backgroundStartMs);
    child.once('error', (cause) =>
      finish(() => reject(new GwError('failed', 'The tunnel could not be started.', { cause }))),
    );
    child.once('exit', () => finish(() => reject(silent())));
    child.once('message', (message) => {
      const news = NewsSchema.safeParse(message).data;
      finish(() => {
        if (news === undefined) reject(silent());
        else if ('ready' in news) resolve(news.ready);
        else reject(fromNews(news));
      });
    });
  });
}

function fromNews({ error }: Extract<News, { error: unknown }>): GwError {
  const code = Object.hasOwn(ERRORS, error.code) ? (error.code as ErrorCode) : 'failed';
  return new GwError(code, error.message, { detail: error.detail, hint: error.hint });
}

/** In the child: tells the command that started it, and lets go of it. */
export function tellStarter(news: TunnelSummary | GwError): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) return resolve();
    const message: News =
      news instanceof GwError
        ? { error: { code: news.code, message: news.message, detail: news.detail, hint: news.hint } }
        : { ready: news };
    process.send(message, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}
