import type { Case } from './bench.ts';
import { CONNECTIONS } from './connections.ts';
import { LATENCY } from './latency.ts';
import { THROUGHPUT_CASES } from './throughput.ts';

/** In the order they run. */
export const CASES: readonly Case[] = [...THROUGHPUT_CASES, LATENCY, CONNECTIONS];
