import type { Bench, Case } from './bench.ts';
import { PEER_TITLES, type Peer, type PeerName } from './peers.ts';
import { type Protocol, pgbench } from './pgbench.ts';
import type { CaseReport, Goal } from './report.ts';
import {
  asData,
  goalsAgainstFair,
  interleave,
  type Measured,
  medianCosts,
  ofWay,
  RATE_HEAD,
  type Rated,
  rateRows,
  ratio,
  sum,
} from './rounds.ts';

/** pgbench -S: one row by its key, as fast as clients can ask. */
const CLIENTS = [1, 8, 32] as const;
type Clients = (typeof CLIENTS)[number];

const CONNECT_GOALS: Partial<Record<Protocol, Record<Clients, number>>> = {
  prepared: { 1: 0.95, 8: 1.05, 32: 1.4 },
  simple: { 1: 0.95, 8: 1.0, 32: 1.25 },
};
const NATIVE_GOALS: Record<Clients, number> = { 1: 0.9, 8: 0.95, 32: 1.1 };
const CPU_GOAL_MICROS = 24;
const DURABILITY_GOAL = 0.9;

export const THROUGHPUT_CASES: readonly Case[] = (['prepared', 'simple', 'extended'] as const).map(
  (protocol) => ({
    name: protocol,
    summary: `pgbench -S, ${protocol} protocol, at ${CLIENTS.join(', ')} clients`,
    needsPgbench: true,
    async run(bench) {
      const reports: CaseReport[] = [];
      for (const clients of CLIENTS) reports.push(await throughput(bench, protocol, clients));
      return reports;
    },
  }),
);

async function throughput(bench: Bench, protocol: Protocol, clients: Clients): Promise<CaseReport> {
  const program = bench.world.programs.pgbench!;
  const measure = async (peer: Peer): Promise<Rated> => {
    const { perSecond, cpu } = await pgbench(peer, { program, protocol, clients, length: bench });
    return { rate: perSecond, cpu };
  };
  const what = `${protocol}, ${clients} client${clients === 1 ? '' : 's'}`;
  const measured = await interleave(bench, what, measure);
  return {
    name: `${protocol}-${clients}`,
    title: `pgbench -S, ${what}`,
    head: ['', 'per second', ...RATE_HEAD, 'CPU µs', 'of which'],
    rows: rateRows(measured),
    goals: [
      ...goalsAgainstFair(measured, what, 'gw-connect', CONNECT_GOALS[protocol]?.[clients]),
      ...goalsAgainstFair(measured, what, 'gw-native', NATIVE_GOALS[clients]),
      ...(protocol === 'prepared' && clients === 32 ? cpuGoals(measured) : []),
      ...(clients === 32 ? durabilityGoals(measured, what) : []),
    ],
    data: asData(measured),
  };
}

function cpuGoals(measured: Measured<Rated>): Goal[] {
  return ofWay(measured, 'gw-connect').map((peer) => ({
    what: `CPU per transaction, both hops, 32 clients: ${PEER_TITLES[peer]}`,
    wanted: { atMost: CPU_GOAL_MICROS },
    measured: sum(medianCosts(measured.get(peer)!)),
    unit: 'µs',
  }));
}

/** Audit cannot be turned off; what waiting for the disk costs shows against not waiting. */
function durabilityGoals(measured: Measured<Rated>, what: string): Goal[] {
  const pairs: [PeerName, PeerName][] = [
    ['gw-connect', 'gw-connect-kernel'],
    ['gw-native', 'gw-native-kernel'],
  ];
  return pairs
    .filter(([disk, kernel]) => measured.has(disk) && measured.has(kernel))
    .map(([disk, kernel]) => ({
      what: `${what}: ${PEER_TITLES[disk]}, audit on disk ÷ in the kernel`,
      wanted: { atLeast: DURABILITY_GOAL },
      measured: ratio(measured, disk, kernel, ({ rate }) => rate),
      unit: '×',
    }));
}
