/**
 * The tokens of a person's sign-in, renewed without a word. Of several gw processes one spends the refresh
 * token, under a lock, and the others find what it got: a provider that rotates refresh tokens takes a
 * second use for theft and ends the sign-in.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { None, refreshTokenGrant } from 'openid-client';
import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Credential, TokenSource } from './credential.ts';
import type { Http } from './http.ts';
import { withLock } from './lock.ts';
import { oauthErrorOf, providerError } from './oidc-errors.ts';
import type { Paths } from './paths.ts';
import { type Profile, rememberPlace } from './profiles.ts';
import { connectProvider } from './provider.ts';
import type { SecretStore } from './secret-store.ts';
import { resourceOf } from './sign-in-request.ts';
import { isFresh, parseStored, type StoredTokens, toStored } from './tokens.ts';

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
    return withLock(lockPath(paths, account), async () => {
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

const lockPath = (paths: Paths, account: string): string =>
  join(paths.state, `refresh-${createHash('sha256').update(account).digest('hex').slice(0, 16)}.lock`);

async function renewNow(
  options: ProfileSourceOptions,
  old: StoredTokens,
  rejected: Secret | undefined,
): Promise<StoredTokens> {
  const { store, profile, name, clock } = options;
  const account = accountOf(name, profile);
  const stillValid = old.expires_at_ms > clock.now() && old.token !== rejected?.reveal();
  if (old.refresh_token === undefined) {
    if (stillValid) return old;
    throw notSignedIn(options, 'Your sign-in has ended at');
  }
  try {
    const renewed = await refresh(options, old.refresh_token);
    await store.set(account, JSON.stringify(renewed));
    if (store.place !== profile.credentials) await rememberPlace(options.paths, name, store.place);
    return renewed;
  } catch (error) {
    const failure = providerError(error, profile.sign_in.issuer, 'renew the sign-in');
    if (oauthErrorOf(error) === 'invalid_grant') {
      await store.delete(account);
      throw notSignedIn(options, 'Your sign-in has ended at', error);
    }
    // A provider that is away does no harm while the token it gave is good.
    if (failure.code === 'identity_provider_unreachable' && stillValid) return old;
    throw failure;
  }
}

async function refresh(options: ProfileSourceOptions, refreshToken: string): Promise<StoredTokens> {
  const { profile, http, clock } = options;
  const { sign_in: signIn } = profile;
  const config = await connectProvider(signIn.issuer, signIn.client_id, None(), http);
  const answer = await refreshTokenGrant(config, refreshToken, resourceOf(signIn));
  const stored = toStored(answer, signIn.token, clock.now(), refreshToken);
  if (stored === undefined) throw notSignedIn(options, 'The identity provider does not renew ID tokens for');
  return stored;
}

function notSignedIn({ profile, name }: ProfileSourceOptions, what: string, cause?: unknown): GwError {
  return new GwError('not_signed_in', `${what} ${name}.`, { hint: `gw login ${profile.gateway}`, cause });
}
