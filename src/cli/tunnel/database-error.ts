/** Errors of the database, as they arrive on the wire, turned into ours: by SQLSTATE, never by text. */
import type { DatabaseError } from 'pg-protocol/dist/messages.js';
import { type ErrorCode, GwError } from '../../core/errors.ts';
import { sanitise } from '../render/sanitise.ts';

const BY_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  '28000': 'not_signed_in',
  '28P01': 'wrong_credential',
  '42501': 'denied',
  '25006': 'read_only',
  '3D000': 'unknown_database',
  '53300': 'too_many_sessions',
  '53400': 'rate_limited',
  '54000': 'limit',
  '57014': 'cancelled',
  '57P01': 'session_ended',
  '57P02': 'database_unreachable',
  '57P03': 'database_unreachable',
  '58030': 'journal_unavailable',
  '0A000': 'unsupported',
  '08P01': 'protocol_violation',
  '08006': 'gateway_unreachable',
};

/** Connection failures (class 08) that are not listed are about the database: the gateway itself was reached. */
const CLASSES: Readonly<Record<string, ErrorCode>> = { '08': 'database_unreachable' };

export function codeOfSqlstate(sqlstate: string): ErrorCode {
  return BY_SQLSTATE[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)] ?? 'failed';
}

/** For errors that end what was being done; texts are cleaned of what could steer a terminal. */
export function databaseError(error: DatabaseError): GwError {
  const detail = error.detail && sanitise(error.detail);
  const hint = error.hint && sanitise(error.hint);
  return new GwError(
    codeOfSqlstate(error.code ?? ''),
    sanitise(error.message ?? 'The database gave no reason.'),
    {
      detail,
      hint,
    },
  );
}
