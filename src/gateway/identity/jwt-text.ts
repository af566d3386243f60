import { LIMITS } from '../../core/limits.ts';
import { TokenRefused } from './refusal.ts';

/** A compact JWS taken apart (RFC 7515, 3.1). Nothing of it is verified. */
export interface JwtText {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signingInput: string;
  readonly signature: Buffer;
}

const PART = /^[A-Za-z0-9_-]+$/;

/**
 * Takes a JWT apart, or returns undefined when the text is no JWT at all, and so perhaps an opaque token.
 * What looks like a JWT but is broken is refused here; it must not be tried as something else.
 */
export function readJwt(token: string): JwtText | undefined {
  const parts = token.split('.', 6);
  if (parts.length === 5 && jsonObject(parts[0]!) !== undefined) {
    throw new TokenRefused(
      'malformed',
      'It is encrypted (JWE).',
      'Ask the identity provider for signed tokens.',
    );
  }
  const [head, body, signature] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined) return undefined;
  const header = jsonObject(head);
  if (header === undefined || !Object.hasOwn(header, 'alg')) return undefined;
  const claims = jsonObject(body);
  if (claims === undefined) throw new TokenRefused('malformed', 'Its claims are no JSON object.');
  const bytes = base64url(signature!);
  if (bytes === undefined && signature !== '')
    throw new TokenRefused('malformed', 'Its signature is no base64url.');
  return { header, claims, signingInput: `${head}.${body}`, signature: bytes ?? Buffer.alloc(0) };
}

/** Decodes strictly: only the one canonical spelling, so that a token cannot be changed and stay valid. */
function base64url(text: string): Buffer | undefined {
  if (!PART.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  const bytes = base64url(text);
  return bytes === undefined ? undefined : parseJsonObject(bytes);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Strict UTF-8, a JSON object, not absurdly nested; otherwise undefined. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  if (bytes.length > LIMITS.identityProviderAnswerBytes) return undefined;
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
