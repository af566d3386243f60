import type { Case } from './bench.ts';
import { BULK_CASES } from './bulk.ts';
import { CONNECTIONS } from './connections.ts';
import { LATENCY } from './latency.ts';
import { MEMORY } from './memory.ts';
import { SHARING } from './sharing.ts';
import { START_UP } from './start-up.ts';
import { THROUGHPUT_CASES } from './throughput.ts';

/** In the order they run. */
export const CASES: readonly Case[] = [
  ...THROUGHPUT_CASES,
  LATENCY,
  CONNECTIONS,
  ...BULK_CASES,
  SHARING,
  MEMORY,
  START_UP,
];
