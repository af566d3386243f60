import { createLocalJWKSet, type JSONWebKeySet, type JWK, type LocalJWKSet } from 'jose';
import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../core/limits.ts';
import type { IdentityProviderConfig } from '../config/types.ts';
import type { Authorized, Metadata } from './discovery.ts';
import { unreachable } from './http.ts';
import { type Kept, keepFresh } from './keep-fresh.ts';

/**
 * The signing keys a provider publishes (RFC 7517). Fetched again when they are old, and when a token names a key
 * that is not among them, because keys rotate; kept through an outage for a bounded time.
 */
export function createKeySet(
  provider: IdentityProviderConfig,
  http: Authorized,
  discovery: Kept<Metadata>,
  clock: Clock,
): Kept<LocalJWKSet> {
  return keepFresh({
    clock,
    freshMs: LIMITS.identityKeysFreshMs,
    staleMs: LIMITS.identityKeysStaleMs,
    cooldownMs: LIMITS.identityProviderCooldownMs,
    async load() {
      const url = provider.jwksUri ?? (await discovery.get()).jwksUri;
      if (url === undefined) {
        throw unreachable(provider.name, provider.issuer, 'its discovery document has no usable jwks_uri');
      }
      const { status, json } = await http(url);
      const keys = status === 200 ? publicKeys(json?.keys) : undefined;
      if (keys !== undefined) return createLocalJWKSet({ keys } as JSONWebKeySet);
      throw unreachable(provider.name, url, status === 200 ? 'it sends no key set' : `it answers ${status}`);
    },
  });
}

const PUBLIC_TYPES = new Set(['RSA', 'EC', 'OKP']);

/** Public keys only: a symmetric one in here would be known to everybody. */
function publicKeys(value: unknown): JWK[] | undefined {
  if (!Array.isArray(value) || value.length > LIMITS.identityKeys) return undefined;
  return value.filter((key) => PUBLIC_TYPES.has((key as JWK | null)?.kty ?? ''));
}
