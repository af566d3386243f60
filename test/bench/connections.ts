import { existsSync, readFileSync } from 'node:fs';
import type { Case } from './bench.ts';
import { PEER_TITLES, type Peer } from './peers.ts';
import { pgbench } from './pgbench.ts';
import { sleep } from './processes.ts';
import { asData, interleave, medianCosts, ofWay, RATE_HEAD, type Rated, rateRows, sum } from './rounds.ts';

/**
 * pgbench -C: a new connection, one SELECT, and away. A closed connection stays in the kernel's list for a minute,
 * and gw connect looks its clients up in that list: it is measured when the others' connections are forgotten.
 */
const CLIENTS = 4;
const CONNECTIONS_PER_CLIENT = 150;
const MOST_ROUNDS = 3;
const SET_UP_GOAL_MICROS = 600;
const KERNEL_LIST = '/proc/net/tcp';
const CALM_ROWS = 300;
const CALM_ATTEMPTS = 70;

export const CONNECTIONS: Case = {
  name: 'connections',
  summary: `new connections (pgbench -C, ${CLIENTS} clients), and what one costs the proxies`,
  needsPgbench: true,
  async run(bench) {
    const options = {
      program: bench.world.programs.pgbench!,
      protocol: 'simple',
      clients: CLIENTS,
      length: { transactionsPerClient: CONNECTIONS_PER_CLIENT },
      reconnect: true,
    } as const;
    const measure = async (peer: Peer): Promise<Rated> => {
      if (peer.name.startsWith('gw-connect')) await untilCalm();
      const { perSecond, cpu } = await pgbench(peer, options);
      return { rate: perSecond, cpu };
    };
    const rounds = Math.min(bench.rounds, MOST_ROUNDS);
    const measured = await interleave({ ...bench, rounds }, 'connections', measure);
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

/** Gives up after the minute that the kernel keeps them. */
async function untilCalm(): Promise<void> {
  if (!existsSync(KERNEL_LIST)) return;
  for (let attempt = 0; attempt < CALM_ATTEMPTS; attempt++) {
    if (readFileSync(KERNEL_LIST, 'latin1').split('\n').length < CALM_ROWS) return;
    await sleep(1_000);
  }
}
