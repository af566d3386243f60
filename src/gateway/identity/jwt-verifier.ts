import { compactVerify, errors, type LocalJWKSet } from 'jose';
import type { Clock } from '../../core/clock.ts';
import type { IdentityProviderConfig } from '../config/types.ts';
import { checkAudience, checkIssuer, checkTimes, checkUnbound, identityFrom } from './claims.ts';
import type { Claims, Identity } from './identity.ts';
import { type JwtText, parseJsonObject } from './jwt-text.ts';
import type { Kept } from './keep-fresh.ts';
import { shown, TokenRefused } from './refusal.ts';

/**
 * Verifies a JWT of one provider. The order matters: header against the provider's own rules, signature with the
 * provider's own keys, and only then what the token says. Keys that a token brings along (jwk, jku, x5c)
 * are never looked at.
 */
export interface JwtVerifier {
  verify(token: string, text: JwtText): Promise<Identity>;
}

export function createJwtVerifier(
  provider: IdentityProviderConfig,
  keys: Kept<LocalJWKSet>,
  clock: Clock,
): JwtVerifier {
  return {
    async verify(token, { header }) {
      checkHeader(provider, header);
      const claims = await signedClaims(provider, keys, token, header);
      checkIssuer(claims, provider.issuer);
      checkKindOfToken(provider, header, claims);
      checkAudience(claims.aud, provider.audience);
      const endMs = checkTimes(claims, provider.clockSkewMs, clock.now());
      if (endMs === undefined) throw new TokenRefused('malformed', 'It has no "exp", so it would never end.');
      checkUnbound(claims);
      return identityFrom(provider, claims, claims.sub, endMs);
    },
  };
}

const ACCESS_TYPES = new Set(['jwt', 'at+jwt']);
const ID_TYPES = new Set(['jwt']);

function checkHeader(provider: IdentityProviderConfig, header: JwtText['header']): void {
  const { alg, typ } = header;
  if (typeof alg !== 'string' || !provider.algorithms.includes(alg)) {
    throw new TokenRefused(
      'algorithm',
      `Its algorithm is ${shown(alg)}; accepted are ${provider.algorithms.join(', ')}.`,
    );
  }
  if (Object.hasOwn(header, 'crit')) {
    throw new TokenRefused('malformed', 'It asks for an extension ("crit") that the gateway does not know.');
  }
  if (typ === undefined) return;
  const accepted = provider.token === 'id' ? ID_TYPES : ACCESS_TYPES;
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : '';
  if (!accepted.has(type)) throw wrongType(provider, `Its header says typ ${shown(typ)}`);
}

/** Each holds in access tokens and not in ID tokens: RFC 9068, RFC 8693, Entra, Okta. */
const ACCESS_CLAIMS = ['client_id', 'scope', 'scp', 'cid'];
/** What providers write into `typ` (Keycloak) and `token_use` (Cognito). */
const ACCESS_WORDS = new Set(['Bearer', 'access']);
const ID_WORDS = new Set(['ID', 'id']);

/**
 * ID tokens and access tokens of one provider are signed with the same keys. An ID token says that somebody
 * signed in to an application; it must not open a database because it lay in that application's log. A person's
 * token therefore has to show that it is an access token. Tokens of CI platforms show nothing of the
 * kind; what they are good for is decided by their audience and by `match`.
 */
function checkKindOfToken(provider: IdentityProviderConfig, header: JwtText['header'], claims: Claims): void {
  const words = provider.token === 'id' ? ID_WORDS : ACCESS_WORDS;
  let isMarked = typeof header.typ === 'string' && header.typ.toLowerCase().endsWith('at+jwt');
  for (const name of ['typ', 'token_use']) {
    const word = claims[name];
    if (word === undefined) continue;
    if (!words.has(word as string)) throw wrongType(provider, `Its claim "${name}" is ${shown(word)}`);
    isMarked = true;
  }
  if (provider.token === 'id') return;
  const isId = Object.hasOwn(claims, 'at_hash') || Object.hasOwn(claims, 'c_hash');
  const isAccess = isMarked || ACCESS_CLAIMS.some((name) => Object.hasOwn(claims, name));
  if (isId || (provider.kind === 'human' && !isAccess))
    throw wrongType(provider, 'It looks like an ID token');
}

function wrongType(provider: IdentityProviderConfig, what: string): TokenRefused {
  const wanted = provider.token === 'id' ? 'ID tokens' : 'access tokens';
  return new TokenRefused(
    'wrong_type',
    `${what}; "${provider.name}" accepts ${wanted}.`,
    'Which of the two is accepted is the setting "token" of the identity provider: jwt or id.',
  );
}

async function signedClaims(
  provider: IdentityProviderConfig,
  keys: Kept<LocalJWKSet>,
  token: string,
  header: JwtText['header'],
): Promise<Claims> {
  const first = await checkSignature(provider, await keys.get(), token);
  if (!(first instanceof TokenRefused)) return first;
  // Keys rotate. Without a key id a wrong signature may mean the same.
  const mayBeNewKey = first.reason === 'unknown_key' || header.kid === undefined;
  if (!mayBeNewKey) throw first;
  const second = await checkSignature(provider, await keys.renew(), token);
  if (second instanceof TokenRefused) throw second;
  return second;
}

async function checkSignature(
  provider: IdentityProviderConfig,
  keys: LocalJWKSet,
  token: string,
): Promise<Claims | TokenRefused> {
  try {
    const { payload } = await compactVerify(token, keys, { algorithms: [...provider.algorithms] });
    return parseJsonObject(payload) ?? new TokenRefused('malformed', 'Its claims are no JSON object.');
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) {
      return new TokenRefused('bad_signature', `It is not signed by "${provider.name}".`);
    }
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
      return new TokenRefused('unknown_key', `None of the keys of "${provider.name}" is the one it names.`);
    }
    // What is left: a key of the wrong size or curve, or an encoding that jose refuses.
    return new TokenRefused('malformed', 'Its signature cannot be checked.', undefined, error);
  }
}
