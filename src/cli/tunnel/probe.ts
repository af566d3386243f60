/**
 * Proves the way to the database by going it: a session is opened, an empty query makes the round trip, the session
 * is closed. An empty query needs no privilege, so it works for an identity that may do next to nothing.
 */
import { VERSION } from '../../core/version.ts';
import { PgSession } from './pg-session.ts';
import type { Way } from './session-stream.ts';

export interface ProbeResult {
  /** Opening a session, in milliseconds. */
  readonly openMs: number;
  /** One round trip to the database and back, in milliseconds. */
  readonly roundTripMs: number;
}

/** @throws the GwError of whoever refused or could not be reached */
export async function probe(
  way: Way,
  login: { readonly user: string; readonly database: string },
): Promise<ProbeResult> {
  const startedAt = way.now();
  const session = await PgSession.open(way, { ...login, applicationName: `gw ${VERSION} probe` });
  const openedAt = way.now();
  try {
    await session.query('', () => {});
  } finally {
    session.terminate();
  }
  return { openMs: openedAt - startedAt, roundTripMs: way.now() - openedAt };
}
