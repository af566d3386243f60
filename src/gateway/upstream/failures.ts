import { GwError } from '../../core/errors.ts';
import { UpstreamRefused } from '../../core/upstream-refused.ts';
import { decodeErrorResponse } from '../../wire/notice-fields.ts';

/**
 * What goes wrong on the way to a database, and what of it is said. The people who connect learn that and why
 * in general their target cannot be reached; host, login, files and the server's words are in the cause,
 * for the log of the gateway.
 */

/** Why a target cannot be reached; ends the sentence `Target "x" …`. Safe to show. */
export class Unreachable extends Error {
  readonly hint: string | undefined;

  constructor(reason: string, extras: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(reason, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'Unreachable';
    this.hint = extras.hint;
  }
}

/** The gateway's own login does not work. The message is for the log only. */
export class LoginFailed extends Error {
  /** The server refused the credentials, so other ones might do. */
  readonly isRefused: boolean;

  constructor(reason: string, extras: { readonly isRefused?: boolean; readonly cause?: unknown } = {}) {
    super(reason, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'LoginFailed';
    this.isRefused = extras.isRefused ?? false;
  }
}

/** The server's ErrorResponse during startup. */
export class ServerError extends Error {
  readonly sqlstate: string;
  /** The body of the message. */
  readonly fields: Buffer;

  /** @param body copied. Throws `protocol_violation` if it is not an ErrorResponse */
  constructor(body: Buffer) {
    const { severity, sqlstate, message } = decodeErrorResponse(body);
    super(`${severity}: ${message} (SQLSTATE ${sqlstate})`);
    this.name = 'ServerError';
    this.sqlstate = sqlstate;
    this.fields = Buffer.from(body);
  }

  /** invalid_authorization_specification or invalid_password: about the login, which is ours. */
  get isAboutLogin(): boolean {
    return this.sqlstate === '28000' || this.sqlstate === '28P01';
  }
}

const OWNER_HINT = 'The log of the gateway has the details; its owner can mend the target.';

/** What an error means for who wanted to connect to the target. */
export function explain(target: string, error: unknown): GwError {
  if (error instanceof ServerError && !error.isAboutLogin) {
    return new UpstreamRefused(target, error.sqlstate, error.fields);
  }
  if (error instanceof ServerError || error instanceof LoginFailed) {
    return new GwError('database_unreachable', `The gateway could not sign in to target "${target}".`, {
      hint: OWNER_HINT,
      cause: error,
    });
  }
  if (error instanceof Unreachable) return unreachable(target, error.message, error.hint, error.cause);
  if (error instanceof GwError) return explainKnown(target, error);
  return unreachable(target, reasonOf(error) ?? 'cannot be reached', undefined, withMessage(error));
}

/** When every address of a name failed, the error has no words of its own. */
function withMessage(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  return new Error(error.errors.map((each) => (each as Error).message).join('; '), { cause: error });
}

/** An end that was asked for stays what it is; what the codec found is told as the target's fault. */
function explainKnown(target: string, error: GwError): GwError {
  if (error.code === 'protocol_violation' || error.code === 'limit' || error.code === 'unsupported') {
    return unreachable(target, 'does not answer as PostgreSQL does', undefined, error);
  }
  return error;
}

function unreachable(target: string, reason: string, hint: string | undefined, cause: unknown): GwError {
  return new GwError('database_unreachable', `Target "${target}" ${reason}.`, {
    hint: hint ?? OWNER_HINT,
    cause,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'cannot be reached: the connection was refused',
  ECONNRESET: 'closed the connection before the session began',
  EPIPE: 'closed the connection before the session began',
  EHOSTUNREACH: 'cannot be reached: there is no route to its host',
  ENETUNREACH: 'cannot be reached: there is no route to its network',
  ETIMEDOUT: 'cannot be reached: its host does not answer',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'cannot be reached: its host does not answer',
  ENOTFOUND: 'cannot be reached: its host name is not known',
  EAI_AGAIN: 'cannot be reached: its host name could not be looked up',
  ENOENT: 'cannot be reached: its unix socket does not exist',
  EACCES: 'cannot be reached: the gateway may not use its unix socket',
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate that is not for its host name',
  CERT_HAS_EXPIRED: 'shows a certificate that has expired',
  CERT_NOT_YET_VALID: 'shows a certificate that is not valid yet',
  CERT_REVOKED: 'shows a certificate that was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'shows a certificate that is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'shows a certificate that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'shows a certificate that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'shows a certificate that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'shows a certificate that is not trusted',
  CERT_SIGNATURE_FAILURE: 'shows a certificate that is not trusted',
};

function reasonOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code !== 'string') return undefined;
  return REASONS[code] ?? (code.startsWith('ERR_SSL_') ? 'failed the TLS handshake' : undefined);
}
