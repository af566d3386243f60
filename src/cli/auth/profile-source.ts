/**
 * The tokens of a person's sign-in, renewed without a word. Of several gw processes one spends the refresh
 * token, under a lock, and the others find what it got: a provider that rotates refresh tokens takes a
 * second use for theft and ends the sign-in.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Credential, TokenSource } from './credential.ts';
import type { Http } from './http.ts';
import { withLock } from './lock.ts';
import type { Paths } from './paths.ts';
import { type Profile, rememberPlace } from './profiles.ts';
import type { SecretStore } from './secret-store.ts';
import { isFresh, parseStored, type StoredTokens } from './tokens.ts';

export interface ProfileSourceOptions {
  readonly name: string;
  readonly profile: Profile;
  readonly store: SecretStore;
  readonly http: Http;
  readonly clock: Clock;
  readonly paths: Paths;
}

/** The keyring's account of a profile: two profiles of one gateway, or of one provider, do not meet. */
export const accountOf = (name: string, profile: Profile): string => `${name} ${profile.sign_in.issuer}`;

export function profileSource(options: ProfileSourceOptions): TokenSource {
  const { name, profile, store, clock, paths } = options;
  const account = accountOf(name, profile);
  let known: StoredTokens | undefined;
  let running: Promise<StoredTokens> | undefined;
  const usable = (tokens: StoredTokens | undefined, rejected: Secret | undefined): tokens is StoredTokens =>
    tokens !== undefined && isFresh(tokens, clock.now()) && tokens.token !== rejected?.reveal();
  const load = async (): Promise<StoredTokens | undefined> => {
    const text = await store.get(account);
    return text === undefined ? undefined : parseStored(text);
  };
  const renew = async (rejected: Secret | undefined): Promise<StoredTokens> => {
    const stored = await load();
    if (stored === undefined) throw notSignedIn(options, 'You are not signed in to');
    if (usable(stored, rejected)) return stored;
    return lockSignIn(paths, account, async () => {
      const newest = await load();
      if (newest === undefined) throw notSignedIn(options, 'You are not signed in to');
      return usable(newest, rejected) ? newest : renewNow(options, newest, rejected);
    });
  };
  return {
    describe: `profile ${name}`,
    kind: 'profile',
    async credential(rejected) {
      if (!usable(known, rejected)) {
        running ??= renew(rejected).finally(() => {
          running = undefined;
        });
        known = await running;
      }
      return toCredential(known);
    },
  };
}

const toCredential = (tokens: StoredTokens): Credential => ({
  token: new Secret(tokens.token),
  expiresAtMs: tokens.expires_at_ms,
});

/** Runs work on the tokens of an account while no other gw process touches them. */
export function lockSignIn<T>(paths: Paths, account: string, work: () => Promise<T>): Promise<T> {
  const id = createHash('sha256').update(account).digest('hex').slice(0, 16);
  return withLock(join(paths.state, `sign-in-${id}.lock`), work);
}

async function renewNow(
  options: ProfileSourceOptions,
  old: StoredTokens,
  rejected: Secret | undefined,
): Promise<StoredTokens> {
  const { store, profile, name, clock, http, paths } = options;
  const account = accountOf(name, profile);
  const stillValid = old.expires_at_ms > clock.now() && old.token !== rejected?.reveal();
  if (old.refresh_token === undefined) {
    if (stillValid) return old;
    throw notSignedIn(options, 'Your sign-in has ended at');
  }
  // openid-client is loaded only when there is something to renew.
  const { refreshTokens } = await import('./refresh.ts');
  const outcome = await refreshTokens(profile.sign_in, old.refresh_token, http, clock);
  switch (outcome.kind) {
    case 'renewed':
      await store.set(account, JSON.stringify(outcome.tokens));
      if (store.place !== profile.credentials) await rememberPlace(paths, name, store.place);
      return outcome.tokens;
    case 'ended':
      await store.delete(account);
      throw notSignedIn(options, 'Your sign-in has ended at', outcome.cause);
    case 'away':
      // A provider that is away does no harm while the token it gave is good.
      if (stillValid) return old;
      throw outcome.error;
  }
}

function notSignedIn({ profile, name }: ProfileSourceOptions, what: string, cause?: unknown): GwError {
  return new GwError('not_signed_in', `${what} ${name}.`, { hint: `gw login ${profile.gateway}`, cause });
}
