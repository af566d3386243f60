import type { Clock } from '../../../core/clock.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Credential, TokenSource } from '../credential.ts';

/** A machine's source that asks for a token when the last one is about to end, and once for all who wait. */
export function cachedSource(describe: string, clock: Clock, fetch: () => Promise<Credential>): TokenSource {
  let known: { credential: Credential; obtainedAtMs: number } | undefined;
  let running: Promise<Credential> | undefined;
  const isGood = (rejected: Secret | undefined): boolean => {
    if (known === undefined) return false;
    const { credential, obtainedAtMs } = known;
    if (credential.token.reveal() === rejected?.reveal()) return false;
    if (credential.expiresAtMs === undefined) return true;
    const marginMs = Math.min(60_000, (credential.expiresAtMs - obtainedAtMs) / 5);
    return clock.now() < credential.expiresAtMs - marginMs;
  };
  return {
    describe,
    kind: 'machine',
    async credential(rejected) {
      if (!isGood(rejected)) {
        running ??= fetch().finally(() => {
          running = undefined;
        });
        known = { credential: await running, obtainedAtMs: clock.now() };
      }
      return known!.credential;
    },
  };
}
