import { pino } from 'pino';
import { GwError, type LogLevel } from '../../core/errors.ts';
import { describeCauses } from './causes.ts';

/**
 * The gateway's own log: JSON lines on stderr. It is for whoever runs the gateway, not for the record of what
 * people did (that is the journal). No SQL, value, token or row gets in: only the fields named here are
 * written, whatever is handed in, and of errors only what is safe (causes.ts).
 */

/** What a log line may carry. A field that is not here is a type error, and is not written either. */
export interface LogFields {
  readonly session?: string;
  readonly grant?: string;
  readonly who?: string;
  readonly provider?: string;
  readonly target?: string;
  readonly database?: string;
  readonly via?: string;
  readonly remote?: string;
  readonly reason?: string;
  readonly signal?: string;
  readonly address?: string | undefined;
  readonly admin?: string | undefined;
  /** Names of settings. */
  readonly settings?: string;
  /** A text of ours that is safe to show. */
  readonly message?: string;
  readonly path?: string;
  readonly version?: string;
  readonly gateway?: string;
  readonly method?: string;
  readonly route?: string;
  readonly status?: number;
  readonly count?: number;
  readonly lost?: number;
  readonly sessions?: number;
  readonly targets?: number;
  readonly problems?: number;
  readonly durationMs?: number;
  /** A line of the embedded control database's own log; only at level `debug`. */
  readonly line?: string;
}

const FIELDS: Readonly<Record<keyof LogFields, true>> = {
  session: true,
  grant: true,
  who: true,
  provider: true,
  target: true,
  database: true,
  via: true,
  remote: true,
  reason: true,
  signal: true,
  address: true,
  admin: true,
  settings: true,
  message: true,
  path: true,
  version: true,
  gateway: true,
  method: true,
  route: true,
  status: true,
  count: true,
  lost: true,
  sessions: true,
  targets: true,
  problems: true,
  durationMs: true,
  line: true,
};
const NAMES = Object.keys(FIELDS) as (keyof LogFields)[];
const MAX_VALUE = 4_000;
const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Something went wrong at the gateway: level `error`, with code, message and causes. */
  failure(event: string, error: GwError, fields?: LogFields): void;
  /** Something that may have gone wrong: at the level of its error, or `info` without one. */
  event(event: string, error: GwError | undefined, fields?: LogFields): void;
}

/**
 * Lines are written at once, so that none is lost at exit and nothing keeps the process alive. A stderr nobody
 * reads any more is no reason to stop serving.
 * @param level debug, info, warn, error or silent
 * @param destination stderr by default
 * @throws GwError `usage` for another level
 */
export function createLogger(level = 'info', destination: { write(line: string): void } = stderr()): Logger {
  if (!LEVELS.includes(level)) {
    throw new GwError('usage', `"${level}" is not a log level.`, {
      hint: `Use one of ${LEVELS.join(', ')}.`,
    });
  }
  const out = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const write = (level: LogLevel, event: string, fields: LogFields | undefined, error?: GwError): void => {
    if (!out.isLevelEnabled(level)) return;
    out[level]({
      event,
      ...allowed(level, fields),
      ...(error === undefined ? undefined : explain(level, error)),
    });
  };
  return {
    debug: (event, fields) => write('debug', event, fields),
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
    failure: (event, error, fields) => write('error', event, fields, error),
    event: (event, error, fields) => write(error?.level ?? 'info', event, fields, error),
  };
}

function stderr(): { write(line: string): void } {
  const destination = pino.destination({ dest: 2, sync: true });
  destination.on('error', () => undefined);
  return destination;
}

function allowed(level: LogLevel, fields: LogFields | undefined): Record<string, string | number> {
  const out: Record<string, string | number> = {};
  if (fields === undefined) return out;
  for (const name of NAMES) {
    const value: unknown = fields[name];
    if (name === 'line' && level !== 'debug') continue;
    if (typeof value === 'number') out[snake(name)] = value;
    else if (typeof value === 'string') out[snake(name)] = value.slice(0, MAX_VALUE);
  }
  return out;
}

function explain(level: LogLevel, error: GwError): Record<string, unknown> {
  const about = { code: error.code, message: error.message, detail: error.detail };
  // What users do wrong is their business; what goes wrong here is ours.
  return level === 'warn' || level === 'error' ? { ...about, causes: describeCauses(error) } : about;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
