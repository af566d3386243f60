/**
 * Every error a user can meet, in one table. A code decides the exit code of the CLI, the SQLSTATE on
 * the wire, the HTTP status of the API and the level in the log; nothing is classified by its text.
 * Message, detail and hint are safe to show; the cause is for the log only and is never sent.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

interface Row {
  readonly exit: number;
  readonly sqlstate: string;
  readonly http: number;
  readonly level: LogLevel;
}

const row = (exit: number, sqlstate: string, http: number, level: LogLevel): Row => ({
  exit,
  sqlstate,
  http,
  level,
});

export const ERRORS = {
  failed: row(1, 'XX000', 500, 'error'),
  usage: row(2, '22023', 400, 'info'),
  configuration: row(3, 'F0000', 500, 'error'),
  not_signed_in: row(4, '28000', 401, 'info'),
  wrong_credential: row(4, '28P01', 401, 'info'),
  denied: row(5, '42501', 403, 'info'),
  unknown_target: row(9, '28000', 404, 'info'),
  unknown_database: row(9, '3D000', 404, 'info'),
  gateway_unreachable: row(6, '08006', 502, 'warn'),
  database_unreachable: row(7, '08001', 502, 'warn'),
  identity_provider_unreachable: row(6, '08006', 503, 'warn'),
  waiting_for_approval: row(8, '57014', 202, 'info'),
  not_found: row(9, '42704', 404, 'info'),
  expired: row(9, '57P01', 410, 'info'),
  read_only: row(5, '25006', 403, 'info'),
  cancelled: row(1, '57014', 499, 'info'),
  session_ended: row(9, '57P01', 410, 'info'),
  shutting_down: row(6, '57P01', 503, 'info'),
  starting_up: row(6, '57P03', 503, 'info'),
  unsupported: row(1, '0A000', 501, 'info'),
  incompatible_version: row(1, '0A000', 406, 'info'),
  method_not_allowed: row(1, '0A000', 405, 'info'),
  unsupported_media_type: row(1, '0A000', 415, 'info'),
  request_timeout: row(1, '57014', 408, 'info'),
  protocol_violation: row(1, '08P01', 400, 'warn'),
  limit: row(1, '54000', 413, 'info'),
  rate_limited: row(1, '53400', 429, 'info'),
  too_many_sessions: row(1, '53300', 503, 'warn'),
  journal_unavailable: row(7, '58030', 503, 'error'),
  timeout: row(7, '57014', 504, 'warn'),
  interrupted: row(130, '57014', 499, 'info'),
  bug: row(70, 'XX000', 500, 'error'),
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorExtras {
  /** More about what happened, safe to show. */
  readonly detail?: string | undefined;
  /** The next step, preferably a command the reader can paste. */
  readonly hint?: string | undefined;
  /** For the log only. */
  readonly cause?: unknown;
}

/** An error with a code of {@link ERRORS}; `message`, `detail` and `hint` may be shown to anyone. */
export class GwError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'GwError';
    this.code = code;
    this.detail = extras.detail;
    this.hint = extras.hint;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }
  get sqlstate(): string {
    return ERRORS[this.code].sqlstate;
  }
  get http(): number {
    return ERRORS[this.code].http;
  }
  get level(): LogLevel {
    return ERRORS[this.code].level;
  }
}

/** Wraps anything thrown into a GwError; what is not one becomes a `bug` whose text is not shown. */
export function asGwError(error: unknown): GwError {
  if (error instanceof GwError) return error;
  return new GwError('bug', 'An internal error occurred in gw.', {
    hint: 'This is a bug in gw: please report it with the output of "gw --version" and the gateway\'s log.',
    cause: error,
  });
}
