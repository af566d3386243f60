import type { IdentityProviderConfig } from '../config/types.ts';
import { claimAt } from './claim-paths.ts';
import { groupsOf } from './groups.ts';
import type { Claims, Identity } from './identity.ts';
import { shown, shownTime, TokenRefused } from './refusal.ts';

/**
 * Verified claims → identity, or a refusal that says what the token had and what was expected. Pure; the
 * time is an argument. RFC 7519 (JWT), RFC 9068 (access tokens), OpenID Connect Core 3.1.3.7 (ID tokens).
 */

/** `exp`, `nbf` and `iat`, with the clocks allowed to differ. Returns the end in milliseconds, if there is one. */
export function checkTimes(claims: Claims, skewMs: number, nowMs: number): number | undefined {
  const exp = numericDate(claims, 'exp');
  const nbf = numericDate(claims, 'nbf');
  const iat = numericDate(claims, 'iat');
  const now = `the gateway's clock says ${shownTime(nowMs / 1_000)}`;
  if (exp !== undefined && nowMs >= exp * 1_000 + skewMs) {
    throw new TokenRefused('expired', `It ended at ${shownTime(exp)}; ${now}.`);
  }
  if (nbf !== undefined && nowMs < nbf * 1_000 - skewMs) {
    throw new TokenRefused('not_yet_valid', `It begins at ${shownTime(nbf)}; ${now}.`);
  }
  if (iat !== undefined && nowMs < iat * 1_000 - skewMs) {
    throw new TokenRefused('not_yet_valid', `It was issued at ${shownTime(iat)}; ${now}.`);
  }
  if (exp !== undefined && iat !== undefined && exp < iat) {
    throw new TokenRefused('malformed', 'It ends before it was issued.');
  }
  return exp === undefined ? undefined : exp * 1_000;
}

function numericDate(claims: Claims, name: string): number | undefined {
  const value = claimAt(claims, [name]);
  if (value === undefined) return undefined;
  // Beyond this a NumericDate is no time that can be computed with.
  if (typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 1e11) return value;
  throw new TokenRefused('malformed', `Its claim "${name}" is no time.`);
}

export function checkIssuer(claims: Claims, issuer: string): void {
  if (claims.iss === issuer) return;
  throw new TokenRefused('wrong_issuer', `Its issuer is ${shown(claims.iss)}; expected is ${shown(issuer)}.`);
}

/** At least one accepted audience, compared exactly. `found` is the `aud` claim or what stands for it. */
export function checkAudience(found: unknown, accepted: readonly string[]): void {
  const list = Array.isArray(found) ? found : [found];
  if (list.some((audience) => typeof audience === 'string' && accepted.includes(audience))) return;
  throw new TokenRefused(
    'wrong_audience',
    `Its audience is ${shown(found)}; expected is ${accepted.map(shown).join(' or ')}.`,
    'Ask the identity provider for a token for this gateway, or list its audience in the configuration.',
  );
}

/** A token bound to a key (RFC 7800) is worthless to a thief only if the binding is checked; here it cannot be. */
export function checkUnbound(claims: Claims): void {
  if (claimAt(claims, ['cnf']) === undefined) return;
  throw new TokenRefused(
    'sender_constrained',
    'It has a "cnf" claim (DPoP or mutual TLS), which the gateway cannot check.',
    'Ask the identity provider for bearer tokens for this gateway.',
  );
}

/**
 * @param subject the `sub` claim or what stands for it
 * @param expiresAtMs end of the token
 */
export function identityFrom(
  provider: IdentityProviderConfig,
  claims: Claims,
  subject: unknown,
  expiresAtMs: number,
): Identity {
  if (typeof subject !== 'string' || subject === '' || subject.length > 1024 || hasControl(subject)) {
    throw new TokenRefused('malformed', 'Its claim "sub" is missing or is no name.');
  }
  const email = provider.kind === 'human' ? verifiedEmail(claims) : undefined;
  return {
    id: `${provider.issuer}|${subject}`,
    subject,
    issuer: provider.issuer,
    provider: provider.name,
    kind: provider.kind,
    name: displayName(provider, claims, email) ?? displayText(subject) ?? subject,
    ...(email === undefined ? {} : { email }),
    groups: groupsOf(provider, claims),
    tokenExpiresAtMs: expiresAtMs,
  };
}

function displayName(
  provider: IdentityProviderConfig,
  claims: Claims,
  email: string | undefined,
): string | undefined {
  const usual = provider.kind === 'human' ? ['email', 'preferred_username', 'name'] : [];
  const paths = provider.nameClaim === undefined ? usual : [provider.nameClaim];
  for (const path of paths) {
    const text = path === 'email' && provider.kind === 'human' ? email : displayText(claimAt(claims, path));
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Goes to logs, terminals and application_name: one line, not long. */
function displayText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.trim() === '' || hasControl(value)) return undefined;
  return value.slice(0, 256);
}

function verifiedEmail(claims: Claims): string | undefined {
  const email = claimAt(claims, ['email']);
  const verified = claimAt(claims, ['email_verified']);
  if (verified === false || verified === 'false') return undefined;
  if (typeof email !== 'string' || email.length > 320 || hasControl(email)) return undefined;
  return /^[^\s@]+@[^\s@]+$/.test(email) ? email : undefined;
}

const hasControl = (text: string): boolean => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
