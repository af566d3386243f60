import type { ErrorBody } from '../../contract/api.ts';
import type { GwError } from '../../core/errors.ts';
import { toJson } from './json.ts';
import { sanitise } from './sanitise.ts';
import type { Style } from './style.ts';

const CAUSES_SHOWN = 8;

export interface ErrorRendering {
  readonly json: boolean;
  /** GW_DEBUG: also what lies behind the error. */
  readonly debug: boolean;
  readonly style: Style;
}

/** How an error is told on stderr, with the newline at its end. Never a stack trace unless `debug`. */
export function renderError(error: GwError, { json, debug, style }: ErrorRendering): string {
  if (json) {
    const body: ErrorBody = {
      error: {
        code: error.code,
        message: sanitise(error.message),
        ...(error.detail ? { detail: sanitise(error.detail) } : {}),
        ...(error.hint ? { hint: sanitise(error.hint) } : {}),
      },
    };
    return `${toJson(body, false)}\n`;
  }
  const indent = (text: string): string => sanitise(text).replace(/\n/g, '\n  ');
  const lines = [`${style.bad('gw:')} ${indent(error.message)}`];
  if (error.detail) lines.push(`  ${indent(error.detail)}`);
  if (error.hint) lines.push(`  ${style.accent('hint:')} ${indent(error.hint)}`);
  if (debug) lines.push(...causes(error).map((line) => style.dim(`  ${line}`)));
  return `${lines.join('\n')}\n`;
}

function causes(error: GwError): string[] {
  const lines: string[] = [];
  let cause: unknown = error.cause;
  for (let depth = 0; cause !== undefined && depth < CAUSES_SHOWN; depth++) {
    if (!(cause instanceof Error)) {
      lines.push(`cause: ${sanitise(String(cause))}`);
      break;
    }
    const code = (cause as NodeJS.ErrnoException).code;
    lines.push(`cause: ${cause.name}${code ? ` [${code}]` : ''}: ${sanitise(cause.message)}`);
    if (error.code === 'bug') lines.push(...(cause.stack ?? '').split('\n').slice(1).map(sanitise));
    cause = cause.cause;
  }
  return lines;
}
