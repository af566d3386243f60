import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libpqEnv, type Peer } from './peers.ts';
import { cpuMicros, run } from './processes.ts';

const ATTEMPTS = 3;

export type Protocol = 'simple' | 'extended' | 'prepared';

/** One run of pgbench -S through a peer. */
export interface PgbenchOptions {
  readonly program: string;
  readonly protocol: Protocol;
  readonly clients: number;
  readonly length: { readonly seconds: number } | { readonly transactionsPerClient: number };
  /** A new connection for each transaction (-C). */
  readonly reconnect?: boolean;
  /** Keep each transaction's latency. */
  readonly latencies?: boolean;
}

export interface PgbenchResult {
  readonly perSecond: number;
  readonly transactions: number;
  /** CPU per transaction of each process between client and database, in µs. */
  readonly cpu: readonly { readonly name: string; readonly micros: number }[];
  /** In ms, in the order they happened; empty unless asked for. */
  readonly latencies: readonly number[];
}

/**
 * One run. pgbench's time begins before its connections do: on a busy machine they can take all of it, so a run
 * without a transaction is made again.
 */
export async function pgbench(peer: Peer, options: PgbenchOptions): Promise<PgbenchResult> {
  for (let attempt = 1; ; attempt++) {
    const result = await runOnce(peer, options);
    if (result.transactions > 0) return result;
    if (attempt === ATTEMPTS) throw new Error(`pgbench through ${peer.name} made no transaction.`);
  }
}

async function runOnce(peer: Peer, options: PgbenchOptions): Promise<PgbenchResult> {
  const { protocol, clients, length } = options;
  const folder = options.latencies
    ? mkdtempSync(join(tmpdir(), `gw-test-${process.pid}-latency-`))
    : undefined;
  const end = 'seconds' in length ? ['-T', `${length.seconds}`] : ['-t', `${length.transactionsPerClient}`];
  const args = ['-n', '-S', '-M', protocol, '-c', String(clients), ...end];
  if (options.reconnect) args.push('-C');
  if (folder) args.push('-l', `--log-prefix=${join(folder, 'log')}`);
  const before = peer.processes.map(({ pid }) => cpuMicros(pid));
  const ran = await run(options.program, args, { env: libpqEnv(peer) });
  const after = peer.processes.map(({ pid }) => cpuMicros(pid));
  const transactions = Number(/transactions actually processed: (\d+)/.exec(ran.stdout)?.[1]);
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(ran.stdout)?.[1]);
  const latencies = folder ? readLatencies(folder) : [];
  if (ran.code !== 0 || Number.isNaN(transactions)) {
    throw new Error(`pgbench through ${peer.name} failed: ${ran.stderr || ran.stdout}`);
  }
  const cpu = peer.processes.map(({ name }, i) => ({
    name,
    micros: ((after[i] ?? Number.NaN) - (before[i] ?? Number.NaN)) / transactions,
  }));
  return { perSecond, transactions, cpu, latencies };
}

/** Third column of pgbench's log: elapsed µs. */
function readLatencies(folder: string): number[] {
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  rmSync(folder, { recursive: true, force: true });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => Number(line.split(' ')[2]) / 1_000);
}
