import { z } from 'zod';

/** What is kept of a sign-in, as the text of one secret. */
export const StoredTokensSchema = z.object({
  version: z.literal(1),
  /** The token the gateway is shown: access or ID token. */
  token: z.string(),
  refresh_token: z.string().optional(),
  obtained_at_ms: z.number(),
  expires_at_ms: z.number(),
});
export type StoredTokens = z.infer<typeof StoredTokensSchema>;

/** Where neither the answer nor the token says how long it lasts. */
const ASSUMED_LIFETIME_MS = 5 * 60_000;

/** A token endpoint's answer, as far as we look at it. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly id_token?: string | undefined;
  readonly refresh_token?: string | undefined;
  readonly expires_in?: number | undefined;
}

/**
 * What to keep of an answer. Its end is counted from now by this machine's clock, so that a clock that is
 * wrong all along does no harm. A refresh token that was not replaced stays valid (RFC 6749, 6).
 * @returns undefined when the answer has no token of the kind that is asked for
 */
export function toStored(
  answer: TokenAnswer,
  kind: 'access' | 'id',
  nowMs: number,
  formerRefresh?: string,
): StoredTokens | undefined {
  const token = kind === 'id' ? answer.id_token : answer.access_token;
  if (token === undefined) return undefined;
  const told = kind === 'access' && answer.expires_in !== undefined ? answer.expires_in * 1_000 : undefined;
  const lifetimeMs = told ?? jwtLifetime(token) ?? ASSUMED_LIFETIME_MS;
  const refresh = answer.refresh_token ?? formerRefresh;
  return {
    version: 1,
    token,
    ...(refresh === undefined ? {} : { refresh_token: refresh }),
    obtained_at_ms: nowMs,
    expires_at_ms: nowMs + lifetimeMs,
  };
}

/** Stored tokens as read back; undefined when the text is none. */
export function parseStored(text: string): StoredTokens | undefined {
  try {
    return StoredTokensSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** `exp` minus `iat` of a JWT in milliseconds; nothing is verified: it only says when to ask for another one. */
export function jwtLifetime(token: string): number | undefined {
  const claims = jwtClaims(token);
  if (typeof claims?.exp !== 'number') return undefined;
  const issued = typeof claims.iat === 'number' ? claims.iat : undefined;
  return issued === undefined ? undefined : Math.max(0, (claims.exp - issued) * 1_000);
}

/** The end of a JWT by the clock of who issued it; undefined for anything else. */
export function jwtExpiry(token: string): number | undefined {
  const claims = jwtClaims(token);
  return typeof claims?.exp === 'number' ? claims.exp * 1_000 : undefined;
}

function jwtClaims(token: string): { exp?: unknown; iat?: unknown; iss?: unknown } | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Time to fetch another one: a minute before the end, or when a fifth is left of a short one. */
export function isFresh(tokens: StoredTokens, nowMs: number): boolean {
  const marginMs = Math.min(60_000, (tokens.expires_at_ms - tokens.obtained_at_ms) / 5);
  // A clock that was set back since would make an old token look young.
  return nowMs < tokens.expires_at_ms - marginMs && nowMs >= tokens.obtained_at_ms - 60_000;
}
