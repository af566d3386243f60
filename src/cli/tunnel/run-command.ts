/**
 * Runs a command in the foreground as a shell would: our streams are its streams, our signals its signals, its
 * exit code ours. A Ctrl-C typed at the terminal reaches every process of the foreground group by itself, so
 * it is not passed on again; a signal sent to us alone is.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

export interface CommandRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Registers for the signals we get; returns the way to stop. */
  onSignal(handler: (signal: NodeJS.Signals) => void): () => void;
}

export type CommandEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'not-executable' };

/** What shells answer (POSIX, 2.8.2). */
const EXIT_NOT_FOUND = 127;
const EXIT_NOT_EXECUTABLE = 126;

export function exitOfCommand(end: CommandEnd): number {
  if (end.kind === 'exit') return end.code;
  return end.kind === 'not-found' ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/** Resolves when the command has ended; rejects only when it could not be started for an odd reason. */
export function runCommand(run: CommandRun): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(run.command, run.args, { env: run.env, stdio: 'inherit' });
    const stop = run.onSignal((signal) => {
      if (!(signal === 'SIGINT' && isTerminalForeground())) child.kill(signal);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      stop();
      if (error.code === 'ENOENT') resolve({ kind: 'not-found' });
      else if (error.code === 'EACCES') resolve({ kind: 'not-executable' });
      else reject(error);
    });
    child.once('exit', (code, signal) => {
      stop();
      resolve({ kind: 'exit', code: exitCode(code, signal) });
    });
  });
}

/** 128 + n for a command that a signal ended, as shells say it. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 0) : 128 + (constants.signals[signal] ?? 0);
}

/** Whether our process group is the one the terminal sends its signals to. */
function isTerminalForeground(): boolean {
  try {
    // proc_pid_stat(5): after the name in parentheses: state, ppid, pgrp, session, tty, tpgid.
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[2] === fields[5];
  } catch {
    return process.stdin.isTTY === true || process.stderr.isTTY === true;
  }
}
