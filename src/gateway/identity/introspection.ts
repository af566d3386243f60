import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { IdentityProviderConfig, IntrospectionConfig } from '../config/types.ts';
import { checkAudience, checkIssuer, checkTimes, checkUnbound, identityFrom } from './claims.ts';
import type { Metadata } from './discovery.ts';
import { type Http, unreachable } from './http.ts';
import type { Claims, Identity } from './identity.ts';
import type { Kept } from './keep-fresh.ts';
import { shown, TokenRefused } from './refusal.ts';
import { readStoredSecret } from './stored-secret.ts';

/** Asks the provider about an opaque token (RFC 7662), as a client of its own (client_secret_basic). */
export interface Introspection {
  verify(token: string): Promise<Identity>;
}

export interface IntrospectionDeps {
  readonly http: Http;
  readonly discovery: Kept<Metadata>;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function createIntrospection(
  provider: IdentityProviderConfig,
  settings: IntrospectionConfig,
  deps: IntrospectionDeps,
): Introspection {
  return {
    async verify(token) {
      const claims = await ask(provider, settings, deps, token);
      if (claims.active !== true) {
        throw new TokenRefused('inactive', `"${provider.name}" says that it is unknown, ended or revoked.`);
      }
      if (claims.iss !== undefined) checkIssuer(claims, provider.issuer);
      const isAccessToken = checkKindOfToken(provider, claims);
      // Without "aud" the client it was issued to stands for it, where it is certain to be an access token.
      const audience = claims.aud ?? (isAccessToken ? claims.client_id : undefined);
      checkAudience(audience, provider.audience);
      const now = deps.clock.now();
      const endMs = checkTimes(claims, provider.clockSkewMs, now) ?? now + LIMITS.introspectedTokenMs;
      checkUnbound(claims);
      // A machine acts for itself: without a subject it is its client.
      const subject = claims.sub ?? (provider.kind === 'machine' ? claims.client_id : undefined);
      return identityFrom(provider, claims, subject, endMs);
    },
  };
}

async function ask(
  provider: IdentityProviderConfig,
  settings: IntrospectionConfig,
  { http, discovery, env }: IntrospectionDeps,
  token: string,
): Promise<Claims> {
  const url = settings.endpoint ?? (await discovery.get()).introspectionEndpoint;
  if (url === undefined) {
    throw unreachable(provider.name, provider.issuer, 'its discovery document has no introspection_endpoint');
  }
  const secret = await readStoredSecret(settings.clientSecret, env);
  const { status, json } = await http({
    url,
    method: 'POST',
    headers: {
      authorization: `Basic ${basic(settings.clientId, secret.reveal())}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
  });
  if (status === 200 && json !== undefined) return json;
  if (status === 400 || status === 401 || status === 403) {
    throw new GwError(
      'identity_provider_unreachable',
      `The identity provider "${provider.name}" refuses the gateway's own credentials.`,
      {
        detail: `Its introspection endpoint answers ${status}.`,
        hint: 'Check "introspection" of this identity provider in the gateway\'s configuration.',
      },
    );
  }
  throw unreachable(provider.name, url, status === 200 ? 'it sends no JSON' : `it answers ${status}`);
}

/** RFC 6749, 2.3.1: both are form-encoded before they are joined. */
function basic(id: string, secret: string): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64');
}

/**
 * A refresh token is "active" too, and must not open anything. Providers mark access tokens in one of three ways.
 * @returns whether one of them says that it is an access token
 */
function checkKindOfToken(provider: IdentityProviderConfig, claims: Claims): boolean {
  const marks: [string, readonly string[]][] = [
    ['token_type', ['bearer', 'access_token']],
    ['token_use', ['access', 'access_token']],
    ['typ', ['bearer', 'jwt', 'at+jwt']],
  ];
  let isAccessToken = false;
  for (const [name, accepted] of marks) {
    const value = claims[name];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' || !accepted.includes(value.toLowerCase())) {
      throw new TokenRefused(
        'wrong_type',
        `Its ${name} is ${shown(value)}; "${provider.name}" accepts access tokens.`,
      );
    }
    isAccessToken = true;
  }
  return isAccessToken;
}
