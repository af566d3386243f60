import type { Meters } from './allowance.ts';
import { H2_LIMITS } from './limits.ts';
import type { RoundTrip } from './round-trip.ts';
import type { Sender } from './sender.ts';
import type { PeerSettings } from './settings.ts';
import type { Role, StreamTable } from './stream-table.ts';
import type { Turns } from './turns.ts';
import type { H2Options } from './types.ts';

/** What the parts of one connection have in common. */
export interface Shared {
  readonly role: Role;
  readonly options: SettledOptions;
  readonly table: StreamTable;
  readonly peer: PeerSettings;
  readonly meters: Meters;
  readonly turns: Turns;
  readonly sender: Sender;
  readonly trip: RoundTrip;
}

type Sizes = 'maxStreams' | 'initialWindowBytes' | 'maxWindowBytes' | 'connectionWindowBytes';
export type SettledOptions = Omit<H2Options, Sizes> & Required<Pick<H2Options, Sizes>>;

export function settleOptions(options: H2Options): SettledOptions {
  return {
    ...options,
    maxStreams: options.maxStreams ?? H2_LIMITS.streams,
    initialWindowBytes: options.initialWindowBytes ?? H2_LIMITS.streamWindowBytes,
    maxWindowBytes: options.maxWindowBytes ?? H2_LIMITS.maxStreamWindowBytes,
    connectionWindowBytes: options.connectionWindowBytes ?? H2_LIMITS.connectionWindowBytes,
  };
}

/**
 * A server's connection window is that of one stream until it accepted a first one: strangers cannot make it
 * keep more while their credentials are checked.
 */
export function firstWindowBytes(role: Role, options: SettledOptions): number {
  return role === 'client' ? options.connectionWindowBytes : options.initialWindowBytes;
}
