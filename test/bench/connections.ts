import type { Case } from './bench.ts';
import { PEER_TITLES, type Peer } from './peers.ts';
import { pgbench } from './pgbench.ts';
import { asData, interleave, medianCosts, ofWay, RATE_HEAD, type Rated, rateRows, sum } from './rounds.ts';

/** pgbench -C: a new connection, one SELECT, and away. */
const CLIENTS = 4;
const SET_UP_GOAL_MICROS = 600;

export const CONNECTIONS: Case = {
  name: 'connections',
  summary: `new connections (pgbench -C, ${CLIENTS} clients), and what one costs the proxies`,
  needsPgbench: true,
  async run(bench) {
    const program = bench.world.programs.pgbench!;
    const measure = async (peer: Peer): Promise<Rated> => {
      const options = { program, protocol: 'simple', clients: CLIENTS, seconds: bench.seconds } as const;
      const { perSecond, cpu } = await pgbench(peer, { ...options, reconnect: true });
      return { rate: perSecond, cpu };
    };
    const measured = await interleave(bench, 'connections', measure);
    return [
      {
        name: 'connections',
        title: `new connections, ${CLIENTS} clients, one SELECT each`,
        head: ['', 'per second', ...RATE_HEAD, 'CPU µs', 'of which'],
        rows: rateRows(measured),
        note: 'PgBouncer keeps its connections to the server and hands them on; gw makes and signs in a new one for each client.',
        goals: ofWay(measured, 'gw-connect').map((peer) => ({
          what: `proxy CPU of one connection through a warm tunnel: ${PEER_TITLES[peer]}`,
          wanted: { atMost: SET_UP_GOAL_MICROS },
          measured: sum(medianCosts(measured.get(peer)!)),
          unit: 'µs',
        })),
        data: asData(measured),
      },
    ];
  },
};
