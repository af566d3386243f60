import type { DatabaseError } from 'pg-protocol/dist/messages.js';
import { type ErrorCode, GwError } from '../../core/errors.ts';
import { sanitise } from '../render/sanitise.ts';
import { textWidth } from '../render/width.ts';
import { databaseError } from './database-error.ts';

/** SQL that was refused rather than wrong has exit codes of its own. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  '42501': 'denied',
  '25006': 'read_only',
  '57014': 'cancelled',
};
/** What of a long line is shown, around the place of the error. */
const SHOWN_CHARS = 60;

/** An error of SQL that was run, as psql shows one: with SQLSTATE, the place in the text, detail and hint. */
export function sqlError(error: DatabaseError, sql: string): GwError {
  // FATAL and PANIC end the session: what counts then is why.
  if (error.severity !== 'ERROR') return databaseError(error);
  const message = sanitise(error.message ?? 'The database gave no reason.');
  const position = Number(error.position);
  const lines = [
    ...(position > 0 ? placeInText(sql, position) : []),
    ...(error.detail ? [sanitise(error.detail)] : []),
    ...(error.where ? [`Where: ${sanitise(error.where)}`] : []),
  ];
  return new GwError(CODES[error.code ?? ''] ?? 'failed', `ERROR ${error.code}: ${message}`, {
    detail: lines.length > 0 ? lines.join('\n') : undefined,
    hint: error.hint && sanitise(error.hint),
  });
}

/** The line of the error and a caret below its place. `position` counts characters (code points) from 1. */
export function placeInText(sql: string, position: number): string[] {
  const before = [...sql].slice(0, position - 1).join('');
  const start = before.lastIndexOf('\n') + 1;
  const lineNumber = before.slice(0, start).split('\n').length;
  const end = sql.indexOf('\n', before.length);
  const line = sql.slice(start, end < 0 ? undefined : end).replace(/[\r\t]/g, ' ');
  const column = before.length - start;
  const from = column > SHOWN_CHARS / 2 ? column - SHOWN_CHARS / 2 : 0;
  const to = from + SHOWN_CHARS;
  const head = `LINE ${lineNumber}: ${from > 0 ? '...' : ''}`;
  const shown = sanitise(line.slice(from, to));
  const lead = head + sanitise(line.slice(from, column));
  return [`${head}${shown}${line.length > to ? '...' : ''}`, `${' '.repeat(textWidth(lead))}^`];
}
