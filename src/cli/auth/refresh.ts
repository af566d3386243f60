import { None, refreshTokenGrant } from 'openid-client';
import type { SignIn } from '../../contract/api.ts';
import type { Clock } from '../../core/clock.ts';
import type { GwError } from '../../core/errors.ts';
import type { Http } from './http.ts';
import { oauthErrorOf, providerError } from './oidc-errors.ts';
import { connectProvider } from './provider.ts';
import { resourceOf } from './sign-in-request.ts';
import { type StoredTokens, toStored } from './tokens.ts';

export type Refreshed =
  | { readonly kind: 'renewed'; readonly tokens: StoredTokens }
  /** The provider takes the refresh token no longer: only a person can go on. */
  | { readonly kind: 'ended'; readonly cause: unknown }
  | { readonly kind: 'away'; readonly error: GwError };

/**
 * Spends a refresh token (RFC 6749, 6).
 * @throws GwError for what neither a retry nor a new sign-in mends, such as an unknown client
 */
export async function refreshTokens(
  signIn: SignIn,
  refreshToken: string,
  http: Http,
  clock: Clock,
): Promise<Refreshed> {
  try {
    const config = await connectProvider(signIn.issuer, signIn.client_id, None(), http);
    const answer = await refreshTokenGrant(config, refreshToken, resourceOf(signIn));
    const tokens = toStored(answer, signIn.token, clock.now(), refreshToken);
    // OpenID Connect Core, 12.2: a renewal need not bring an ID token.
    if (tokens === undefined) return { kind: 'ended', cause: new Error('no ID token in the answer') };
    return { kind: 'renewed', tokens };
  } catch (error) {
    if (oauthErrorOf(error) === 'invalid_grant') return { kind: 'ended', cause: error };
    const failure = providerError(error, signIn.issuer, 'renew the sign-in');
    if (failure.code === 'identity_provider_unreachable') return { kind: 'away', error: failure };
    throw failure;
  }
}
