import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../core/limits.ts';
import { isSafeUrl } from '../config/schema-parts.ts';
import type { IdentityProviderConfig } from '../config/types.ts';
import { type Http, unreachable } from './http.ts';
import { type Kept, keepFresh } from './keep-fresh.ts';

/** What the gateway needs of a provider's metadata. */
export interface Metadata {
  readonly jwksUri: string | undefined;
  readonly introspectionEndpoint: string | undefined;
}

/** OpenID Connect Discovery 1.0, then RFC 8414, for providers that have only the one or the other. */
export function createDiscovery(
  provider: IdentityProviderConfig,
  http: Authorized,
  clock: Clock,
): Kept<Metadata> {
  return keepFresh({
    clock,
    freshMs: LIMITS.identityKeysFreshMs,
    staleMs: LIMITS.identityKeysStaleMs,
    cooldownMs: LIMITS.identityProviderCooldownMs,
    load: () => discover(provider, http),
  });
}

/** Calls that carry the provider's `discovery_token`, if it has one. */
export type Authorized = (url: string) => ReturnType<Http>;

/** The addresses to try, in order. */
export function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname.replace(/\/$/, '');
  return [
    `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

async function discover(provider: IdentityProviderConfig, http: Authorized): Promise<Metadata> {
  const urls = metadataUrls(provider.issuer);
  let failed = '';
  for (const url of urls) {
    const { status, json } = await http(url);
    if (status === 200 && json !== undefined) return metadata(provider, url, json);
    failed ||= status === 200 ? `${url} is not JSON` : `${url} answers ${status}`;
    if (status === 401 || status === 403 || status >= 500) break;
  }
  throw unreachable(provider.name, provider.issuer, failed);
}

function metadata(
  provider: IdentityProviderConfig,
  url: string,
  json: Readonly<Record<string, unknown>>,
): Metadata {
  if (json.issuer !== provider.issuer) {
    const found = typeof json.issuer === 'string' ? json.issuer.slice(0, 200) : 'nothing';
    throw unreachable(
      provider.name,
      url,
      `its discovery document is for the issuer "${found}", not for "${provider.issuer}"`,
    );
  }
  return {
    jwksUri: endpoint(json.jwks_uri),
    introspectionEndpoint: endpoint(json.introspection_endpoint),
  };
}

const endpoint = (value: unknown): string | undefined =>
  typeof value === 'string' && isSafeUrl(value) ? value : undefined;
