import { type Clock, systemClock } from '../../core/clock.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { IdentityProviderConfig } from '../config/types.ts';
import { type Authorized, createDiscovery } from './discovery.ts';
import { createHttp } from './http.ts';
import type { Identity } from './identity.ts';
import { createIntrospection } from './introspection.ts';
import { type JwtText, readJwt } from './jwt-text.ts';
import { createJwtVerifier } from './jwt-verifier.ts';
import { createKeySet } from './key-set.ts';
import { Recent, tokenKey } from './recent.ts';
import { shown, TokenRefused } from './refusal.ts';
import { SESSION_GRANT_PREFIX } from './session-grants.ts';
import { readStoredSecret } from './stored-secret.ts';

/**
 * Token → identity, over several providers. A JWT goes to the providers of the issuer it names, and to
 * no other: the name is not verified yet, but only that provider's keys can make it true. Anything else may
 * be an opaque token and goes to the providers that are asked about those. Fails closed in every case.
 */
export interface Authenticator {
  /** @throws GwError not_signed_in (a {@link TokenRefused}), identity_provider_unreachable, rate_limited */
  authenticate(token: string): Promise<Identity>;
  /** Whether each provider can be reached and used, for `serve --check` and `doctor`. Never rejects. */
  check(): Promise<readonly ProviderCheck[]>;
}

export interface ProviderCheck {
  readonly provider: string;
  readonly issuer: string;
  /** Undefined: it works. */
  readonly error: GwError | undefined;
}

export interface AuthenticatorOptions {
  readonly clock?: Clock;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

interface Provider {
  readonly config: IdentityProviderConfig;
  verify(token: string, text: JwtText | undefined): Promise<Identity>;
  check(): Promise<unknown>;
}

export function createAuthenticator(
  configs: readonly IdentityProviderConfig[],
  options: AuthenticatorOptions = {},
): Authenticator {
  const { clock = systemClock } = options;
  const providers = configs.map((config) => createProvider(config, clock, options));
  const known = new Recent<{ readonly identity: Identity; readonly untilMs: number }>(LIMITS.verifiedTokens);
  const running = new Map<string, Promise<Identity>>();

  async function verify(token: string, key: string): Promise<Identity> {
    const text = readJwt(token);
    const identity = await firstThatAccepts(candidates(providers, text), token, text);
    const { token: kind } = configs.find(({ name }) => name === identity.provider)!;
    const keepMs = kind === 'introspection' ? LIMITS.introspectedTokenMs : LIMITS.verifiedTokenMs;
    known.set(key, { identity, untilMs: Math.min(identity.tokenExpiresAtMs, clock.now() + keepMs) });
    return identity;
  }

  return {
    async authenticate(token) {
      checkText(token);
      const key = tokenKey(token);
      const found = known.get(key);
      if (found !== undefined && clock.now() < found.untilMs) return found.identity;
      known.delete(key);
      const already = running.get(key);
      if (already !== undefined) return already;
      if (running.size >= LIMITS.verifyingTokens) {
        throw new GwError('rate_limited', 'Too many people sign in at this moment.', {
          hint: 'Try again in a moment.',
        });
      }
      const verifying = verify(token, key).finally(() => running.delete(key));
      running.set(key, verifying);
      return verifying;
    },
    check: () =>
      Promise.all(
        providers.map(async ({ config: { name, issuer }, check }) => ({
          provider: name,
          issuer,
          error: await check().then(() => undefined, asGwError),
        })),
      ),
  };
}

function createProvider(
  config: IdentityProviderConfig,
  clock: Clock,
  options: AuthenticatorOptions,
): Provider {
  const { env = process.env, timeoutMs } = options;
  const http = createHttp({
    provider: config.name,
    ca: config.ca,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const authorized: Authorized = async (url) => {
    if (config.discoveryToken === undefined) return http({ url });
    const secret = await readStoredSecret(config.discoveryToken, env);
    return http({ url, headers: { authorization: `Bearer ${secret.reveal()}` } });
  };
  const discovery = createDiscovery(config, authorized, clock);
  if (config.introspection !== undefined) {
    const { endpoint, clientSecret } = config.introspection;
    const { verify } = createIntrospection(config, config.introspection, { http, discovery, clock, env });
    const check = async () => {
      await readStoredSecret(clientSecret, env);
      if (endpoint === undefined) await discovery.get();
    };
    return { config, verify, check };
  }
  const keys = createKeySet(config, authorized, discovery, clock);
  const { verify } = createJwtVerifier(config, keys, clock);
  return { config, verify: (token, text) => verify(token, text!), check: () => keys.get() };
}

function checkText(token: string): void {
  if (token === '') throw new TokenRefused('missing', 'It is empty.');
  if (Buffer.byteLength(token) > LIMITS.tokenBytes) {
    throw new TokenRefused('malformed', `It is longer than ${LIMITS.tokenBytes} bytes.`);
  }
  // RFC 6750, 2.1: what a bearer token may consist of.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new TokenRefused('malformed', 'It holds characters that a bearer token cannot have.');
  }
  if (token.startsWith(SESSION_GRANT_PREFIX)) {
    throw new TokenRefused(
      'wrong_type',
      'It is a session grant of a gateway; here a token of an identity provider is wanted.',
      'Sign in with: gw login',
    );
  }
}

function candidates(providers: readonly Provider[], text: JwtText | undefined): readonly Provider[] {
  if (text === undefined) {
    const found = providers.filter(({ config }) => config.introspection !== undefined);
    if (found.length > 0) return found;
    throw new TokenRefused('malformed', 'It is no JWT, and no identity provider takes opaque tokens.');
  }
  const issuer = text.claims.iss;
  const found = providers.filter(({ config }) => config.issuer === issuer);
  if (found.length > 0) return found;
  const accepted = [...new Set(providers.map(({ config }) => config.issuer))];
  throw new TokenRefused(
    'wrong_issuer',
    `Its issuer is ${shown(issuer)}; accepted are ${accepted.map(shown).join(', ')}.`,
  );
}

/** Providers that share an issuer are tried in the order of the file. */
async function firstThatAccepts(
  providers: readonly Provider[],
  token: string,
  text: JwtText | undefined,
): Promise<Identity> {
  const failures: GwError[] = [];
  for (const provider of providers) {
    try {
      return await provider.verify(token, text);
    } catch (error) {
      failures.push(asGwError(error));
    }
  }
  throw mostTelling(failures);
}

/** "Made for another service" and "unknown" say least when another provider knew the token. */
function mostTelling(failures: readonly GwError[]): GwError {
  const weak = (error: GwError) =>
    error instanceof TokenRefused && (error.reason === 'wrong_audience' || error.reason === 'inactive');
  return failures.find((error) => !weak(error)) ?? failures[0]!;
}
