/**
 * Errors on their way between the gateway, PostgreSQL's wire and a person: what the gateway answers to a stream
 * it refuses becomes a GwError, and a GwError becomes the FATAL that a local client shows.
 */
import { ErrorBodySchema } from '../../contract/api.ts';
import { ERRORS, type ErrorCode, GwError } from '../../core/errors.ts';
import { errorResponse } from '../../wire/build-backend.ts';
import { sanitise } from '../render/sanitise.ts';

/** What a local client is told before it is hung up on (manual 55.8). */
export function fatal(error: GwError): Buffer {
  return errorResponse({
    severity: 'FATAL',
    sqlstate: error.sqlstate,
    message: error.message,
    detail: error.detail,
    hint: error.hint,
  });
}

/** The codes for an answer without a readable body, by HTTP status. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'not_signed_in',
  403: 'denied',
  404: 'unknown_target',
  429: 'rate_limited',
  502: 'database_unreachable',
  503: 'shutting_down',
  504: 'timeout',
};

/** The error a refused stream stands for. Text from the gateway is cleaned of what could steer a terminal. */
export function refusedBy(status: number, body: Buffer): GwError {
  const parsed = ErrorBodySchema.safeParse(parseJson(body));
  if (!parsed.success) {
    return new GwError(BY_STATUS[status] ?? 'failed', `The gateway refused the session (status ${status}).`);
  }
  const { code, message, detail, hint } = parsed.data.error;
  return new GwError(isErrorCode(code) ? code : (BY_STATUS[status] ?? 'failed'), sanitise(message), {
    detail: detail && sanitise(detail),
    hint: hint && sanitise(hint),
  });
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
