import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { authenticationSasl, authenticationSaslContinue } from '../../wire/build-backend.ts';
import { decodeSaslInitialResponse } from '../../wire/frontend.ts';
import { FRONTEND } from '../../wire/types.ts';
import type { Credentials, Grant } from './entrance.ts';
import type { Intake } from './intake.ts';

const MECHANISM = 'OAUTHBEARER';
/** RFC 7628, 3.1: key/value pairs are separated and ended by 0x01. */
const SEPARATOR = '\x01';
const AUTH = 'auth=';
const NO_TOKEN_HOLDS = 401;

/**
 * SASL OAUTHBEARER (RFC 7628), server side. A client that has no token yet sends an empty one and is told where
 * to sign in (3.2.2, and the manual's 20.15); it then comes back on a new connection.
 * @throws GwError `not_signed_in`, `denied`, `unknown_target`, `unsupported`
 */
export async function authenticateOauth(
  intake: Intake,
  credentials: Credentials,
  target: string | undefined,
  remoteAddress: string,
): Promise<Grant> {
  if (!credentials.oauth) {
    throw new GwError('unsupported', 'This gateway has no identity provider people can sign in with.', {
      hint: 'Connect with a session grant as password: gw token TARGET',
    });
  }
  intake.channel.write(authenticationSasl([MECHANISM]));
  const first = decodeSaslInitialResponse(
    await intake.readMessage(FRONTEND.password, LIMITS.authMessageBytes),
  );
  if (first.mechanism !== MECHANISM || first.data === null) {
    throw new GwError('protocol_violation', `The client chose a SASL mechanism that was not offered.`);
  }
  const token = bearerOf(first.data.toString('latin1'));
  try {
    if (token === '') throw new GwError('not_signed_in', 'The client brought no token.');
    if (target === undefined) {
      throw new GwError('unknown_target', 'The database name must be the name of a target.', {
        hint: 'Connect with dbname=TARGET; gw ls lists them.',
      });
    }
    const identity = await credentials.accessToken(token);
    return await credentials.grantFor(identity, target, remoteAddress);
  } catch (thrown) {
    const error = asGwError(thrown);
    // What is wrong with anything but the token, another token would not mend.
    if (error.http === NO_TOKEN_HOLDS) await sayWhere(intake, credentials.oauth);
    throw error;
  }
}

/** The failed exchange of RFC 7628, 3.2.2: our status, then the client's dummy answer of one 0x01. */
async function sayWhere(intake: Intake, oauth: NonNullable<Credentials['oauth']>): Promise<void> {
  const status = {
    status: 'invalid_token',
    'openid-configuration': oauth.configurationUrl,
    scope: oauth.scope,
  };
  intake.channel.write(authenticationSaslContinue(Buffer.from(JSON.stringify(status))));
  const answer = await intake.readMessage(FRONTEND.password, LIMITS.authMessageBytes);
  if (answer.toString('latin1') !== SEPARATOR) throw malformed('the answer to the error is not 0x01');
}

/** `n,,^Aauth=Bearer TOKEN^A^A` → TOKEN; `''` when the client asks where to get one. */
function bearerOf(message: string): string {
  const [header, ...pairs] = message.split(SEPARATOR);
  if (!/^n,(a=[^,]*)?,$/.test(header!)) throw malformed('channel binding is not supported');
  if (pairs.pop() !== '' || pairs.pop() !== '') throw malformed('it does not end with two separators');
  if (!pairs.every((pair) => /^[A-Za-z]+=[\t\n\r\x20-\x7e]*$/.test(pair))) {
    throw malformed('it holds something that is no key and value');
  }
  const [auth, another] = pairs.filter((pair) => pair.startsWith(AUTH));
  if (auth === undefined || another !== undefined) throw malformed('it must have "auth" once');
  if (auth === AUTH) return '';
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(auth.slice(AUTH.length))?.[1];
  if (token === undefined) throw malformed('bad token');
  return token;
}

const malformed = (what: string): GwError =>
  new GwError('protocol_violation', `Malformed OAUTHBEARER message: ${what}.`);
