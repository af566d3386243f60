import type { Case } from './bench.ts';
import { PEER_TITLES, type Peer, type PeerName } from './peers.ts';
import { pgbench } from './pgbench.ts';
import type { Goal } from './report.ts';
import { asData, interleave, type Measured, ofWay } from './rounds.ts';
import { median, percentile } from './statistics.ts';

/** What one client waits for one SELECT by key, in ms. */
interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

const GOALS_MS = { p50: 0.1, p99: 0.4 } as const;

export const LATENCY: Case = {
  name: 'latency',
  summary: 'what the way adds for one client, p50 and p99',
  needsPgbench: true,
  async run(bench) {
    const program = bench.world.programs.pgbench!;
    const measure = async (peer: Peer): Promise<Percentiles> => {
      const options = { program, protocol: 'prepared', clients: 1, length: bench } as const;
      const { latencies } = await pgbench(peer, { ...options, latencies: true });
      return { p50: percentile(latencies, 50), p99: percentile(latencies, 99) };
    };
    const measured = await interleave(bench, 'latency', measure);
    return [
      {
        name: 'latency',
        title: 'latency of one client, prepared, ms',
        head: ['', 'p50', 'p99', 'added p50', 'added p99'],
        rows: [...measured.keys()].map((peer) => [
          PEER_TITLES[peer],
          ...[...both(measured, peer), ...both(measured, peer, true)].map((ms) => ms.toFixed(3)),
        ]),
        goals: ofWay(measured, 'gw-connect').flatMap((peer) => goals(measured, peer)),
        data: asData(measured),
      },
    ];
  },
};

/** Median over the rounds of p50 and p99; `added`: above those of the direct way in the same round. */
function both(measured: Measured<Percentiles>, peer: PeerName, added = false): [number, number] {
  const direct = measured.get('direct');
  const of = (name: keyof Percentiles): number =>
    median(
      measured
        .get(peer)!
        .map((result, round) => result[name] - (added ? (direct?.[round]?.[name] ?? Number.NaN) : 0)),
    );
  return [of('p50'), of('p99')];
}

function goals(measured: Measured<Percentiles>, peer: PeerName): Goal[] {
  const [p50, p99] = both(measured, peer, true);
  const goal = (name: keyof Percentiles, value: number): Goal => ({
    what: `added latency, ${name}: ${PEER_TITLES[peer]}`,
    wanted: { atMost: GOALS_MS[name] },
    measured: value,
    unit: 'ms',
  });
  return [goal('p50', p50), goal('p99', p99)];
}
