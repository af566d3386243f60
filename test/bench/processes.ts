import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { atEnd, firstAtEnd, isEnding } from './clean-up.ts';

/** Children of the benchmark, and what they cost. */
export interface Server {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it wrote to stderr, the last part. */
  stderr(): string;
  stop(): Promise<void>;
}

const KEPT_STDERR = 4_000;
const GRACE_MS = 3_000;

/** Starts a program that runs until it is stopped; stopped at the end in any case. */
export function startServer(file: string, args: readonly string[], options: SpawnOptions = {}): Server {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  const keep = (chunk: unknown): void => {
    stderr = (stderr + String(chunk)).slice(-KEPT_STDERR);
  };
  child.stderr?.on('data', keep);
  child.on('error', keep);
  const ended = new Promise<void>((done) => {
    child.once('close', (code, signal) => {
      if (!stopping && !isEnding())
        process.stderr.write(`bench: ${args.join(' ')} ended (${code ?? signal}): ${stderr}\n`);
      done();
    });
    child.once('error', () => done());
  });
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(timer);
  };
  const forget = atEnd(stop);
  void ended.then(forget);
  return { child, pid: child.pid ?? 0, stderr: () => stderr, stop };
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

const running = new Set<ChildProcess>();
firstAtEnd(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Runs a program to its end. */
export function run(file: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + String(chunk)).slice(-KEPT_STDERR);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? -1, stdout, stderr, seconds: (performance.now() - start) / 1_000 });
    });
  });
}

/** Clock ticks of /proc/PID/stat are hundredths of a second on Linux, whatever the kernel's own rate (proc(5)). */
const TICK_MICROS = 10_000;

/** User and system time of a process so far, in µs; undefined where there is no /proc. */
export function cpuMicros(pid: number): number | undefined {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
}

/** Resident memory in bytes; undefined where there is no /proc. `peak`: the highest so far. */
export function residentBytes(pid: number, peak = false): number | undefined {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return undefined;
  const found = (peak ? /^VmHWM:\s+(\d+) kB/m : /^VmRSS:\s+(\d+) kB/m).exec(readFileSync(file, 'utf8'));
  return found ? Number(found[1]) * 1_024 : undefined;
}

/** Whether this machine tells what a process costs. */
export const HAS_PROC = existsSync('/proc/self/stat') && readdirSync('/proc').length > 0;

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
