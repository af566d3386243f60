import { createHash } from 'node:crypto';
import type { Secret } from '../../core/secret.ts';
import { type Authentication, decodeAuthentication } from '../../wire/authentication.ts';
import { decodeNegotiateProtocolVersion } from '../../wire/backend.ts';
import * as build from '../../wire/build-frontend.ts';
import { BACKEND } from '../../wire/types.ts';
import { LoginFailed, ServerError, Unreachable } from './failures.ts';
import type { Opening } from './opening.ts';
import { type ChannelBinding, SCRAM, SCRAM_PLUS, ScramDialogue, type ScramKeyCache } from './scram.ts';

/**
 * Signs in with the gateway's own login (manual 55.2.1), from the answer to the startup packet to AuthenticationOk.
 * The server asks, at most once; a password leaves only in the forms that are safe on this connection,
 * and after SCRAM the server must have proved itself before its Ok counts.
 */
export interface Credentials {
  readonly user: string;
  /** Called once the server asks for a password; throws LoginFailed when there is none. */
  readonly password: () => Promise<Secret>;
  /** Whether this connection is safe enough for a password in clear text. */
  readonly mayUseCleartext: () => boolean;
  /** For SCRAM; `none` without TLS. */
  readonly binding: ChannelBinding;
  readonly scramKeys: ScramKeyCache;
}

const isStartupAnswer = (type: number): boolean =>
  type === BACKEND.authentication ||
  type === BACKEND.errorResponse ||
  type === BACKEND.negotiateProtocolVersion;
const isAuthenticationAnswer = (type: number): boolean =>
  type === BACKEND.authentication || type === BACKEND.errorResponse;

/**
 * @returns the NegotiateProtocolVersion message, if the server sent one
 * @throws ServerError, LoginFailed, Unreachable, GwError of the codec, or what ended the connection
 */
export async function authenticate(
  opening: Opening,
  credentials: Credentials,
): Promise<{ negotiation: Buffer | undefined }> {
  let first = await opening.message(isStartupAnswer);
  let negotiation: Buffer | undefined;
  if (first.type === BACKEND.negotiateProtocolVersion) {
    decodeNegotiateProtocolVersion(first.body);
    negotiation = Buffer.from(first.raw);
    first = await opening.message(isAuthenticationAnswer);
  }
  const asked = authenticationOf(first);
  if (asked.kind === 'ok') return { negotiation };
  await answer(asked, opening, credentials);
  expectKind(await nextAuthentication(opening), 'ok');
  return { negotiation };
}

/** Leaves the dialogue where AuthenticationOk must follow. */
async function answer(asked: Authentication, opening: Opening, credentials: Credentials): Promise<void> {
  switch (asked.kind) {
    case 'cleartextPassword': {
      if (!credentials.mayUseCleartext()) {
        throw new LoginFailed(
          'The server asks for the password in clear text, and the connection has no TLS.',
        );
      }
      opening.send(build.password((await credentials.password()).reveal()));
      return;
    }
    case 'md5Password': {
      const salt = Buffer.from(asked.salt);
      opening.send(build.password(md5Answer(credentials.user, await credentials.password(), salt)));
      return;
    }
    case 'sasl':
      return answerSasl(asked.mechanisms, opening, credentials);
    default:
      throw new Unreachable('asks for a way to sign in that gw does not support', {
        hint: 'Let pg_hba.conf ask the login of the gateway for scram-sha-256, md5, password or cert.',
        cause: new Error(`Authentication request: ${asked.kind}`),
      });
  }
}

async function answerSasl(
  mechanisms: readonly string[],
  opening: Opening,
  credentials: Credentials,
): Promise<void> {
  const dialogue = new ScramDialogue(bindingFor(mechanisms, credentials.binding));
  if (!mechanisms.includes(dialogue.mechanism)) {
    throw new Unreachable('asks for a way to sign in that gw does not support', {
      hint: 'Let pg_hba.conf ask the login of the gateway for scram-sha-256, md5, password or cert.',
      cause: new Error(`SASL mechanisms: ${JSON.stringify(mechanisms.slice(0, 10))}`),
    });
  }
  const password = await credentials.password();
  opening.send(build.saslInitialResponse(dialogue.mechanism, dialogue.first()));
  const challenge = await nextSaslData(opening, 'saslContinue');
  opening.send(build.saslResponse(await dialogue.final(challenge, password, credentials.scramKeys)));
  dialogue.verify(await nextSaslData(opening, 'saslFinal'));
}

/** Channel binding is used whenever both sides can. */
function bindingFor(mechanisms: readonly string[], possible: ChannelBinding): ChannelBinding {
  if (possible.kind !== 'tls-server-end-point' || mechanisms.includes(SCRAM_PLUS)) return possible;
  return mechanisms.includes(SCRAM) ? { kind: 'unused' } : possible;
}

/** md5(md5(password user) salt), as hexadecimal behind `md5`. */
function md5Answer(user: string, password: Secret, salt: Buffer): string {
  const inner = createHash('md5')
    .update(password.reveal() + user)
    .digest('hex');
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`;
}

async function nextAuthentication(opening: Opening): Promise<Authentication> {
  return authenticationOf(await opening.message(isAuthenticationAnswer));
}

function authenticationOf({ type, body }: { readonly type: number; readonly body: Buffer }): Authentication {
  if (type === BACKEND.errorResponse) throw new ServerError(body);
  return decodeAuthentication(body);
}

function expectKind(message: Authentication, kind: Authentication['kind']): void {
  if (message.kind === kind) return;
  throw new Unreachable('does not answer as PostgreSQL does', {
    cause: new Error(`Authentication message ${message.kind} where ${kind} must follow`),
  });
}

async function nextSaslData(opening: Opening, kind: 'saslContinue' | 'saslFinal'): Promise<Buffer> {
  const message = await nextAuthentication(opening);
  expectKind(message, kind);
  return 'data' in message ? message.data : Buffer.alloc(0);
}
