import { fileURLToPath } from 'node:url';
import type { Bench, Case } from './bench.ts';
import type { BulkResult, BulkTask } from './bulk-client.ts';
import { PEER_TITLES, type Peer } from './peers.ts';
import { cpuMicros, run } from './processes.ts';
import { type CaseReport, figure, type Goal } from './report.ts';
import {
  asData,
  interleave,
  type Measured,
  ofWay,
  RATE_HEAD,
  type Rated,
  rateRows,
  ratio,
} from './rounds.ts';
import { median } from './statistics.ts';

/** Large results and large loads. Rows are pgbench's accounts, about 97 bytes as text. */
interface Bulk extends Rated {
  readonly clientMicros: number;
}

interface Transfer {
  readonly name: string;
  readonly title: string;
  readonly atLeast: number;
  task(bench: Bench): BulkWork;
}

/** A task without the way it goes. */
export type BulkWork = Pick<BulkTask, 'sql' | 'copyIn' | 'bytesPerSecond'>;

const CLIENT = fileURLToPath(new URL('./bulk-client.ts', import.meta.url));
const ROW_BYTES = 97;
const ACCOUNTS = 1_000_000;

/** Times the accounts have to be read for so many megabytes. */
export const repeatsFor = (megabytes: number): number =>
  Math.max(1, Math.round((megabytes * 2 ** 20) / (ACCOUNTS * ROW_BYTES)));

export const copyOutSql = (megabytes: number): string =>
  `copy (select a.* from pgbench_accounts a cross join generate_series(1, ${repeatsFor(megabytes)})) to stdout`;

const TRANSFERS: readonly Transfer[] = [
  {
    name: 'copy-out',
    title: 'COPY out',
    atLeast: 0.85,
    task: ({ megabytes }) => ({ sql: copyOutSql(megabytes) }),
  },
  {
    name: 'select',
    title: `SELECT of ${ACCOUNTS.toLocaleString('en')} rows`,
    atLeast: 0.9,
    task: () => ({ sql: 'select * from pgbench_accounts' }),
  },
  {
    // WHERE throws each row away after it was read: the disk and the heap stay out of it.
    name: 'copy-in',
    title: 'COPY in',
    atLeast: 0.9,
    task: ({ megabytes }) => ({
      sql: 'copy pgbench_accounts from stdin where aid < 0',
      copyIn: { bytes: megabytes * 2 ** 20 },
    }),
  },
];

export const BULK_CASES: readonly Case[] = TRANSFERS.map((transfer) => ({
  name: transfer.name,
  summary: transfer.title,
  needsPgbench: false,
  run: async (bench) => [await measureTransfer(bench, transfer)],
}));

async function measureTransfer(bench: Bench, transfer: Transfer): Promise<CaseReport> {
  const task = transfer.task(bench);
  const measured = await interleave(bench, transfer.title, (peer) => bulkThrough(peer, task));
  const clients = [...measured.values()].flat().map(({ clientMicros }) => clientMicros);
  return {
    name: transfer.name,
    title: `${transfer.title}${transfer.name === 'select' ? '' : `, ${bench.megabytes} MB`}`,
    head: ['', 'MB/s', ...RATE_HEAD, 'CPU ms per MB', 'of which'],
    rows: rateRows(measured),
    note: `The client itself takes ${figure(median(clients))} ms of CPU per MB; on a machine with few cores that counts.`,
    goals: goals(measured, transfer),
    data: asData(measured),
  };
}

function goals(measured: Measured<Bulk>, { title, atLeast }: Transfer): Goal[] {
  return ofWay(measured, 'gw-connect').map((peer) => ({
    what: `${title}: ${PEER_TITLES[peer]} ÷ direct`,
    wanted: { atLeast },
    measured: ratio(measured, peer, 'direct', ({ rate }) => rate),
    unit: '×',
  }));
}

/** CPU figures are milliseconds per megabyte here. */
async function bulkThrough(peer: Peer, task: BulkWork): Promise<Bulk> {
  const before = peer.processes.map(({ pid }) => cpuMicros(pid) ?? Number.NaN);
  const { seconds, bytes, cpuMicros: client } = await bulkClient(peer, task);
  const megabytes = bytes / 2 ** 20;
  return {
    rate: megabytes / seconds,
    cpu: peer.processes.map(({ name, pid }, i) => ({
      name,
      micros: ((cpuMicros(pid) ?? Number.NaN) - before[i]!) / 1_000 / megabytes,
    })),
    clientMicros: client / 1_000 / megabytes,
  };
}

/** Runs the bulk client to its end. */
export async function bulkClient(peer: Peer, task: BulkWork, signal?: AbortSignal): Promise<BulkResult> {
  const words = [CLIENT, JSON.stringify(taskFor(peer, task))];
  const { code, stdout, stderr } = await run(process.execPath, words, signal && { signal });
  if (code !== 0) throw new Error(`A bulk transfer through ${peer.name} failed: ${stderr}`);
  return JSON.parse(stdout) as BulkResult;
}

function taskFor({ port, database, user, password, tls }: Peer, task: BulkWork): BulkTask {
  return { port, database, user, password, tls, ...task };
}
