import pg from 'pg';
import { GwError } from '../../core/errors.ts';

/**
 * What went wrong at the control database, as a GwError. The server says it by SQLSTATE, Node by an error code;
 * whatever carries neither comes from the connection. The original goes into the cause only: it may quote data.
 */

const HINT_URL =
  'Check GW_DATABASE_URL (or control_database.url) and that the database accepts connections from here.';

/**
 * @param what what was tried, for the message: `read the signing keys`
 * @param which the database, for the message
 */
export function databaseError(error: unknown, what: string, which = 'the control database'): GwError {
  if (error instanceof GwError) return error;
  if (error instanceof pg.DatabaseError) return serverError(error, `gw could not ${what}: ${which}`);
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) {
    return new GwError('bug', `gw could not ${what}.`, { cause: error });
  }
  if (code !== undefined && isCertificateError(code)) {
    return new GwError('configuration', `gw could not ${what}: ${which}'s TLS certificate is not trusted.`, {
      detail: code,
      hint: 'Name its authority in the URL: sslmode=verify-full&sslrootcert=/path/to/ca.crt',
      cause: error,
    });
  }
  return new GwError('database_unreachable', `gw could not ${what}: ${which} cannot be reached.`, {
    detail: code,
    hint: HINT_URL,
    cause: error,
  });
}

/** @param failed `gw could not …: the database`, to be completed */
function serverError(error: pg.DatabaseError, failed: string): GwError {
  const state = error.code ?? '';
  const extras = { detail: `SQLSTATE ${state}`, cause: error };
  if (state.startsWith('28') || state === '3D000') {
    const why = state === '3D000' ? 'does not exist' : 'refused the login';
    return new GwError('configuration', `${failed} ${why}.`, {
      ...extras,
      hint: HINT_URL,
    });
  }
  if (state === '42501') {
    return new GwError('configuration', `${failed}'s login lacks a privilege.`, {
      ...extras,
      hint: 'It must own the schema "gw", or be allowed to create it: GRANT CREATE ON DATABASE … TO …',
    });
  }
  if (state === '57014' || state === '55P03') {
    return new GwError('timeout', `${failed} took too long.`, extras);
  }
  if (/^(08|53|57P|58|25006)/.test(state)) {
    return new GwError('database_unreachable', `${failed} is not available.`, {
      ...extras,
      hint: state === '25006' ? 'It is read-only: point the URL at the primary.' : HINT_URL,
    });
  }
  return new GwError('failed', `${failed} reported an error.`, extras);
}

function isCertificateError(code: string): boolean {
  return /^(ERR_TLS_CERT|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(GET|VERIFY)_)/.test(code);
}
