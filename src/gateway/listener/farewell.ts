import type { Channel } from '../../core/channel.ts';
import type { GwError } from '../../core/errors.ts';
import { errorResponse } from '../../wire/build-backend.ts';

/** A client that was told why has this long to hang up. */
const LINGER_MS = 1_000;

/** Ends a connection that has no session with a FATAL error, as PostgreSQL says it. */
export function sayFarewell(channel: Channel, error: GwError): void {
  const { sqlstate, message, detail, hint } = error;
  channel.write(errorResponse({ severity: 'FATAL', sqlstate, message, detail, hint }));
  channel.end();
  setTimeout(() => channel.destroy(), LINGER_MS).unref();
}
