import { type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { type Clock, systemClock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Identity } from './identity.ts';
import { type JwtText, readJwt } from './jwt-text.ts';
import { Recent, tokenKey } from './recent.ts';
import { shownTime } from './refusal.ts';
import type { SigningKey, SigningKeys } from './signing-keys.ts';

/**
 * Session grants: the short-lived credential with which a tunnel or a client opens sessions. A JWT signed
 * with Ed25519 (RFC 8037), type `gw-session+jwt`, behind the prefix `gws_` by which secret scanners find it. It
 * carries the identity as it was when the grant was issued, so it can be verified without asking anyone.
 *
 * Two ends: until `expiresAtMs` sessions can be opened; at `endsAtMs` those opened under it are closed. A
 * renewal needs a valid token of the identity provider again and is a grant of its own, with its own end.
 */
export const SESSION_GRANT_PREFIX = 'gws_';
const TYPE = 'gw-session+jwt';
const ALGORITHM = 'EdDSA';

export interface SessionGrantClaims {
  readonly id: string;
  readonly identity: Identity;
  readonly target: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
}

export interface IssuedSessionGrant {
  readonly token: string;
  readonly claims: SessionGrantClaims;
}

export interface SessionGrantOptions {
  readonly ttlMs: number;
  readonly sessionLimitMs: number;
  readonly clock?: Clock;
}

/** Names are short because the token goes with every connection; times are NumericDates, seconds with fraction. */
const Payload = z.strictObject({
  jti: z.string().min(1).max(64),
  iat: z.number(),
  exp: z.number(),
  end: z.number(),
  tgt: z.string().min(1).max(63),
  who: z.strictObject({
    sub: z.string().min(1),
    iss: z.string().min(1),
    idp: z.string().min(1),
    kind: z.enum(['human', 'machine']),
    name: z.string(),
    email: z.string().optional(),
    groups: z.array(z.string()).max(LIMITS.groups),
    exp: z.number(),
  }),
});

interface Verified {
  readonly claims: SessionGrantClaims;
  readonly kid: string;
  readonly key: KeyObject;
}

export class SessionGrants {
  readonly #keys: SigningKeys;
  readonly #options: SessionGrantOptions;
  readonly #clock: Clock;
  readonly #known = new Recent<Verified>(LIMITS.verifiedSessionGrants);

  constructor(keys: SigningKeys, options: SessionGrantOptions) {
    this.#keys = keys;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Issues a grant to an identity that was authenticated just now and may connect to `target`.
   * @param atMost an absolute time, in milliseconds, that the grant must not outlive
   * @throws GwError limit when the groups do not fit into a token
   */
  async issue(
    identity: Identity,
    target: string,
    atMost = Number.POSITIVE_INFINITY,
  ): Promise<IssuedSessionGrant> {
    const now = this.#clock.now();
    const end = Math.min(now + this.#options.sessionLimitMs, atMost);
    const payload = {
      jti: randomBytes(16).toString('base64url'),
      iat: seconds(now),
      exp: seconds(Math.min(now + this.#options.ttlMs, end)),
      end: seconds(end),
      tgt: target,
      who: whoFrom(identity),
    };
    const key = this.#keys.current();
    const token = signToken(key, payload);
    if (Buffer.byteLength(token) > LIMITS.tokenBytes) {
      throw new GwError('limit', 'This identity has too many groups for a session grant.', {
        detail: `With ${identity.groups.length} groups it would be longer than ${LIMITS.tokenBytes} bytes.`,
        hint: 'Have the identity provider send only the groups that matter to the gateway.',
      });
    }
    const claims = claimsFrom(payload);
    this.#known.set(tokenKey(token), { claims, kid: key.kid, key: key.publicKey });
    return { token, claims };
  }

  /**
   * The claims of a valid grant. A key that is not known yet is looked for once more.
   * @throws GwError wrong_credential, expired
   */
  async verify(token: string): Promise<SessionGrantClaims> {
    const found = this.verifyCached(token);
    if (found !== undefined) return found;
    const text = readToken(token);
    const kid = text.header.kid as string;
    if (this.#keys.find(kid) === undefined) await this.#keys.refresh?.();
    return this.#check(token, text);
  }

  /** As {@link verify}, with the keys known now. */
  verifySync(token: string): SessionGrantClaims {
    return this.verifyCached(token) ?? this.#check(token, readToken(token));
  }

  /** The claims of a grant that was verified before and still counts; undefined otherwise. Costs one hash. */
  verifyCached(token: string): SessionGrantClaims | undefined {
    if (token.length > LIMITS.tokenBytes) return undefined;
    const key = tokenKey(token);
    const found = this.#known.get(key);
    if (found === undefined) return undefined;
    const counts = this.#clock.now() < found.claims.expiresAtMs && this.#keys.find(found.kid) === found.key;
    if (counts) return found.claims;
    this.#known.delete(key);
    return undefined;
  }

  #check(token: string, text: JwtText): SessionGrantClaims {
    const kid = text.header.kid as string;
    const key = this.#keys.find(kid);
    if (key === undefined) throw wrongCredential('It is signed with a key that this gateway does not know.');
    if (!verify(null, Buffer.from(text.signingInput), key, text.signature)) {
      throw wrongCredential('Its signature is wrong.');
    }
    const payload = Payload.safeParse(text.claims);
    if (!payload.success) throw wrongCredential('It is of another version of gw.');
    const claims = claimsFrom(payload.data);
    if (this.#clock.now() >= claims.expiresAtMs) {
      throw new GwError('expired', 'The session grant has expired.', {
        detail: `It ended at ${shownTime(claims.expiresAtMs / 1_000)}.`,
        hint: `Get a new one with: gw token ${claims.target}`,
      });
    }
    this.#known.set(tokenKey(token), { claims, kid, key });
    return claims;
  }
}

function signToken({ kid, privateKey }: SigningKey, payload: z.input<typeof Payload>): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: ALGORITHM, typ: TYPE, kid })}.${encode(payload)}`;
  return `${SESSION_GRANT_PREFIX}${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
}

/** Prefix, size and header; the algorithm is ours and not the token's to choose. */
function readToken(token: string): JwtText {
  const isOurs = token.startsWith(SESSION_GRANT_PREFIX) && token.length <= LIMITS.tokenBytes;
  const text = isOurs ? readText(token.slice(SESSION_GRANT_PREFIX.length)) : undefined;
  if (text === undefined) {
    throw wrongCredential(
      isOurs ? 'It cannot be read.' : `A session grant begins with ${SESSION_GRANT_PREFIX}.`,
    );
  }
  const { alg, typ, kid, ...rest } = text.header;
  if (alg !== ALGORITHM || typ !== TYPE || typeof kid !== 'string' || Object.keys(rest).length > 0) {
    throw wrongCredential('Its header is not that of a session grant.');
  }
  return text;
}

function readText(text: string): JwtText | undefined {
  try {
    return readJwt(text);
  } catch {
    return undefined;
  }
}

function whoFrom(identity: Identity): z.input<typeof Payload>['who'] {
  const { subject, issuer, provider, kind, name, email, groups, tokenExpiresAtMs } = identity;
  return {
    sub: subject,
    iss: issuer,
    idp: provider,
    kind,
    name,
    ...(email === undefined ? {} : { email }),
    groups: groups.slice(),
    exp: seconds(tokenExpiresAtMs),
  };
}

function claimsFrom({ jti, iat, exp, end, tgt, who }: z.output<typeof Payload>): SessionGrantClaims {
  return {
    id: jti,
    target: tgt,
    issuedAtMs: milliseconds(iat),
    expiresAtMs: milliseconds(exp),
    endsAtMs: milliseconds(end),
    identity: {
      id: `${who.iss}|${who.sub}`,
      subject: who.sub,
      issuer: who.iss,
      provider: who.idp,
      kind: who.kind,
      name: who.name,
      ...(who.email === undefined ? {} : { email: who.email }),
      groups: who.groups,
      tokenExpiresAtMs: milliseconds(who.exp),
    },
  };
}

const seconds = (ms: number): number => Math.floor(ms) / 1_000;
const milliseconds = (time: number): number => Math.round(time * 1_000);

function wrongCredential(detail: string): GwError {
  return new GwError('wrong_credential', 'The session grant is not valid.', {
    detail,
    hint: 'Get one with: gw token TARGET',
  });
}
