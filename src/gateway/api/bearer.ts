import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ApiRequest } from './types.ts';

/** The bearer token of a request (RFC 6750, section 2.1), and how a missing or refused one is answered (section 3). */

const REALM = 'Bearer realm="gw"';
const SIGN_IN = 'Sign in with: gw login';

/** @throws GwError `not_signed_in` without a token, `protocol_violation` when there is more than one, `limit` */
export function bearerToken(headers: ApiRequest['headers']): string {
  const values = headers.authorization ?? [];
  if (values.length > 1) {
    throw new GwError('protocol_violation', 'The request has more than one Authorization header.');
  }
  const value = values[0];
  if (value === undefined) {
    throw new GwError('not_signed_in', 'This needs a signed-in caller, and no token came with it.', {
      hint: SIGN_IN,
    });
  }
  if (value.length > LIMITS.tokenBytes) {
    throw new GwError('limit', `The token is longer than ${LIMITS.tokenBytes} bytes.`, {
      hint: 'Ask whoever runs the identity provider to put fewer claims into it.',
    });
  }
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(value)?.[1];
  if (token === undefined) {
    throw new GwError('not_signed_in', 'The Authorization header is not of the form "Bearer <token>".', {
      hint: SIGN_IN,
    });
  }
  return token;
}

/** The WWW-Authenticate header of a 401. @param presented a token came with the request. */
export function challenge(error: GwError, presented: boolean): string {
  if (!presented) return REALM;
  // RFC 6750 allows printable ASCII but for quotes and backslashes.
  const description = error.message.replace(/[^\x20-\x7e]|["\\]/g, '');
  return `${REALM}, error="invalid_token", error_description="${description}"`;
}
