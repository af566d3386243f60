import type { Bench, Case } from './bench.ts';
import { bulkClient, copyOutSql } from './bulk.ts';
import { PEER_TITLES, type Peer } from './peers.ts';
import { pgbench } from './pgbench.ts';
import { figure } from './report.ts';
import { asData, interleave, ofWay } from './rounds.ts';
import { median, percentile } from './statistics.ts';

/** Does a bulk COPY starve whoever works interactively through the same tunnel? Ms of one SELECT by key. */
interface Shared {
  readonly quiet: number;
  readonly loud: number;
}

const GOAL = 2;
/** So much that the COPY outlasts the measurement on any machine; it is cut off then. */
const ENDLESS_MEGABYTES = 1_000_000;
const WARM_UP_MS = 300;

export const SHARING: Case = {
  name: 'sharing',
  summary: 'p99 of an interactive client while a COPY runs beside it in the same tunnel',
  needsPgbench: true,
  async run(bench) {
    const peers = bench.world.peers.filter(({ name }) => name !== 'pgbouncer');
    const measured = await interleave(bench, 'sharing', (peer) => measure(bench, peer), peers);
    const factor = ({ quiet, loud }: Shared): number => loud / quiet;
    return [
      {
        name: 'sharing',
        title: 'p99 of one client, prepared, beside a bulk COPY out; ms',
        head: ['', 'quiet', 'beside COPY', 'factor'],
        rows: [...measured].map(([peer, results]) => [
          PEER_TITLES[peer],
          median(results.map(({ quiet }) => quiet)).toFixed(2),
          median(results.map(({ loud }) => loud)).toFixed(2),
          figure(median(results.map(factor))),
        ]),
        note: 'The line of the direct way shows what the machine itself does to a client when a COPY takes a core.',
        goals: ofWay(measured, 'gw-connect').map((peer) => ({
          what: `interactive p99 beside a COPY: ${PEER_TITLES[peer]} ÷ quiet`,
          wanted: { atMost: GOAL },
          measured: median(measured.get(peer)!.map(factor)),
          unit: '×',
        })),
        data: asData(measured),
      },
    ];
  },
};

async function measure({ world, seconds }: Bench, peer: Peer): Promise<Shared> {
  const program = world.programs.pgbench!;
  const options = {
    program,
    protocol: 'prepared',
    clients: 1,
    length: { seconds },
    latencies: true,
  } as const;
  const p99 = async (): Promise<number> => percentile((await pgbench(peer, options)).latencies, 99);
  const quiet = await p99();
  const stop = new AbortController();
  const bulk = bulkClient(peer, { sql: copyOutSql(ENDLESS_MEGABYTES) }, stop.signal).catch(() => undefined);
  await new Promise((done) => setTimeout(done, WARM_UP_MS));
  try {
    return { quiet, loud: await p99() };
  } finally {
    stop.abort();
    await bulk;
  }
}
