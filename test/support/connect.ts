import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestGateway } from './gateway.ts';
import { tokensFor } from './idp.ts';
import { tempDir } from './temp.ts';

/** `gw connect` as a child process with a home of its own, signed in by GW_TOKEN, on a port that is ready. */
export interface Connected {
  readonly port: number;
  readonly process: ChildProcess;
  /** Environment for further commands of the CLI. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

export interface ConnectOptions {
  /** Default alice. */
  readonly login?: string;
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv;
}

const GW = join(import.meta.dirname, '../../bin/gw.js');
const KEPT_STDERR = 4_000;
const GRACE_MS = 3_000;

/** The environment of a person who is signed in: nothing of ours but PATH, and a home that is gone afterwards. */
export async function signedInEnv(gateway: TestGateway, login = 'alice'): Promise<NodeJS.ProcessEnv> {
  const home = tempDir('home').path;
  const { access_token } = await tokensFor(gateway.idp, login);
  return {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_STATE_HOME: join(home, 'state'),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_RUNTIME_DIR: join(home, 'run'),
    GW_KEYRING: 'file',
    GW_GATEWAY: gateway.url,
    GW_CA: gateway.caFile,
    GW_TOKEN: access_token,
  };
}

/** Resolves when it has printed its URL, that is after a round trip to the database; rejects with its stderr. */
export async function startConnect(
  gateway: TestGateway,
  target: string,
  options: ConnectOptions = {},
): Promise<Connected> {
  const env = { ...(await signedInEnv(gateway, options.login)), ...options.env };
  return connectAs(env, target);
}

export function connectAs(env: NodeJS.ProcessEnv, target: string): Promise<Connected> {
  const child = spawn(process.execPath, [GW, 'connect', target, '--port', '0'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-KEPT_STDERR);
  });
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  return new Promise((resolve, reject) => {
    void ended.then(() => reject(new Error(`gw connect ended: ${stderr}`)));
    child.stdout.once('data', (chunk) => {
      const port = Number(new URL(String(chunk).trim()).port);
      const stop = async (): Promise<void> => {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
        await ended;
        clearTimeout(timer);
      };
      resolve({ port, process: child, env, stop });
    });
  });
}
