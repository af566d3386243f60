import type { Bench } from './bench.ts';
import { FAIR_PEER, PEER_TITLES, type Peer, type PeerName } from './peers.ts';
import { figure, type Goal } from './report.ts';
import { median } from './statistics.ts';

/**
 * Interleaving: every round measures each peer once, each round begins with another one. Ratios are taken inside a
 * round and their median is shown, so that a machine that slows down for a minute slows both sides of a ratio.
 */
export type Measured<T> = ReadonlyMap<PeerName, readonly T[]>;

export async function interleave<T>(
  { world, rounds, progress }: Bench,
  what: string,
  measure: (peer: Peer) => Promise<T>,
  peers: readonly Peer[] = world.peers,
): Promise<Measured<T>> {
  const results = new Map<PeerName, T[]>(peers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[(i + round) % peers.length]!;
      progress(`${what}, round ${round + 1} of ${rounds}: ${PEER_TITLES[peer.name]}`);
      results.get(peer.name)!.push(await measure(peer));
    }
  }
  return results;
}

/** Median over the rounds of one peer's figure divided by another's; NaN where one is not measured. */
export function ratio<T>(
  measured: Measured<T>,
  above: PeerName,
  below: PeerName | undefined,
  value: (result: T) => number,
): number {
  const [a, b] = [measured.get(above), below && measured.get(below)];
  if (!a || !b) return Number.NaN;
  return median(a.map((result, round) => value(result) / value(b[round]!)));
}

export interface ProcessCost {
  readonly name: string;
  readonly micros: number;
}

/** What every rate is shown with: the rate, its ratios, and the CPU of each process. */
export interface Rated {
  readonly rate: number;
  readonly cpu: readonly ProcessCost[];
}

export const RATE_HEAD = ['÷ direct', '÷ fair peer'] as const;

export function rateRows<T extends Rated>(measured: Measured<T>, digits = figure): string[][] {
  return [...measured.keys()].map((peer) => {
    const rates = measured.get(peer)!.map(({ rate }) => rate);
    const costs = medianCosts(measured.get(peer)!);
    return [
      PEER_TITLES[peer],
      digits(median(rates)),
      figure(ratio(measured, peer, 'direct', ({ rate }) => rate)),
      figure(ratio(measured, peer, FAIR_PEER[peer], ({ rate }) => rate)),
      costs.length === 0 ? '' : figure(sum(costs)),
      costs.length < 2 ? '' : costs.map(({ name, micros }) => `${name} ${figure(micros)}`).join(' + '),
    ];
  });
}

/** Median over the rounds, for each process. */
export function medianCosts(results: readonly Rated[]): ProcessCost[] {
  const names = results[0]?.cpu.map(({ name }) => name) ?? [];
  return names.map((name, i) => ({ name, micros: median(results.map(({ cpu }) => cpu[i]!.micros)) }));
}

export const sum = (costs: readonly ProcessCost[]): number =>
  costs.reduce((total, { micros }) => total + micros, 0);

/** A goal against the fair peer for each of ours of that way, whatever its audit. */
export function goalsAgainstFair<T extends Rated>(
  measured: Measured<T>,
  what: string,
  way: 'gw-connect' | 'gw-native',
  atLeast: number | undefined,
): Goal[] {
  if (atLeast === undefined) return [];
  return ofWay(measured, way).map((peer) => ({
    what: `${what}: ${PEER_TITLES[peer]} ÷ ${PEER_TITLES[FAIR_PEER[peer]!]}`,
    wanted: { atLeast },
    measured: ratio(measured, peer, FAIR_PEER[peer], ({ rate }) => rate),
    unit: '×',
  }));
}

export const ofWay = <T>(measured: Measured<T>, way: 'gw-connect' | 'gw-native'): PeerName[] =>
  [...measured.keys()].filter((name) => name.startsWith(way));

/** Plain data for the JSON file. */
export const asData = <T>(measured: Measured<T>): Record<string, readonly T[]> =>
  Object.fromEntries(measured);
