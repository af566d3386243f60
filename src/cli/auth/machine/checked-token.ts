import { GwError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';

/** The characters of a bearer token (RFC 6750, 2.1). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/**
 * A token as it goes into a header: without the newline that files and variables often end with.
 * @param where named in the error; the text itself never is
 */
export function checkedToken(text: string, where: string): string {
  const token = text.trim();
  if (TOKEN.test(token) && token.length <= LIMITS.tokenBytes) return token;
  throw new GwError('configuration', `${where} does not hold a token.`, {
    detail:
      token === ''
        ? 'It is empty.'
        : 'It has other characters than those of a bearer token, or more than one word, or is too long.',
    hint: 'It must be the token alone: no quotes, no "Bearer", no JSON.',
  });
}
