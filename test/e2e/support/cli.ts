import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { spawn as spawnPty } from '@lydell/node-pty';
import { tempDir } from '../../support/temp.ts';

/** The CLI as people run it: a child process, with folders of its own, or a terminal around it. */
export const GW = join(import.meta.dirname, '../../../bin/gw.js');
/** Longer than anything here takes, and shorter than a test may. */
const PATIENCE_MS = 30_000;

export interface Home {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A home folder that is empty, and an environment in which nothing of the machine's user is left. */
export function newHome(extra: NodeJS.ProcessEnv = {}): Home {
  const { path } = tempDir('home');
  const env = { PATH: process.env.PATH, HOME: path, LANG: 'C.UTF-8', GW_KEYRING: 'file', ...extra };
  return { path, env };
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** The first group of the first match on stderr. */
  onStderr(pattern: RegExp): Promise<string>;
}

export function startGw(args: readonly string[], env: NodeJS.ProcessEnv): Running {
  const child = spawn(process.execPath, [GW, ...args], { env, timeout: PATIENCE_MS });
  child.stdin.end();
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    text.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    text.stderr += String(chunk);
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code: code ?? -1, ...text, ...(signal ? { signal } : {}) }),
    );
  });
  const waitFor = (pattern: RegExp): Promise<string> => poll(() => text.stderr, pattern, ended);
  return { process: child, ended, onStderr: waitFor };
}

export const gw = (args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> =>
  startGw(args, env).ended;

/** Parses stdout of a command that must have succeeded. */
export async function gwJson<T = Record<string, unknown>>(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<T> {
  const { code, stdout, stderr } = await gw([...args, '--json'], env);
  if (code !== 0) throw new Error(`gw ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export interface Terminal {
  /** What was written so far, with escape sequences. */
  raw(): string;
  write(keys: string): void;
  /** The first group (or all) of the first match in the text without escape sequences. */
  see(pattern: RegExp): Promise<string>;
  readonly ended: Promise<{ readonly code: number; readonly signal: number | undefined }>;
}

/** Runs gw on a terminal of 100 columns. */
export function gwOnTerminal(args: readonly string[], env: NodeJS.ProcessEnv): Terminal {
  const pty = spawnPty(process.execPath, [GW, ...args], {
    cols: 100,
    rows: 40,
    name: 'xterm-256color',
    env: { TERM: 'xterm-256color', ...env } as Record<string, string>,
  });
  let raw = '';
  pty.onData((data) => {
    raw += data;
  });
  const ended = new Promise<{ code: number; signal: number | undefined }>((resolve) => {
    pty.onExit(({ exitCode, signal }) => resolve({ code: exitCode, signal: signal || undefined }));
  });
  return {
    raw: () => raw,
    write: (keys) => pty.write(keys),
    see: (pattern) => poll(() => stripVTControlCharacters(raw), pattern, ended),
    ended,
  };
}

async function poll(text: () => string, pattern: RegExp, ended: Promise<unknown>): Promise<string> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const wasOver = over;
    const found = pattern.exec(text());
    if (found) return found[1] ?? found[0];
    if (wasOver || performance.now() > deadline) throw new Error(`${pattern} was not seen in:\n${text()}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
