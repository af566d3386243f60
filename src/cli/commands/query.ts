import { readFile } from 'node:fs/promises';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { formatDuration, parseDuration } from '../../core/units.ts';
import { VERSION } from '../../core/version.ts';
import type { CommandInput, CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import { exitOfSignal, untilInterrupted } from '../interrupts.ts';
import { CsvWriter, JsonWriter, type ResultWriter, TableWriter } from '../render/results.ts';
import { sanitise } from '../render/sanitise.ts';
import { PgSession } from '../tunnel/pg-session.ts';
import { Reporter } from '../tunnel/reporter.ts';
import { runQuery } from '../tunnel/run-query.ts';
import { closing, Tunnel } from '../tunnel/tunnel.ts';

interface Options {
  readonly file?: string;
  readonly csv?: boolean;
  readonly database?: string;
  readonly timeout?: number;
}

export const query: CommandSpec = {
  name: 'query',
  summary: 'Run SQL, without psql',
  examples: [
    ['gw query prod-db "select * from orders limit 5"', 'a table'],
    ['gw query prod-db --json "select id, total from orders" | jq .', 'one array of objects for each result'],
    ['gw query prod-db --csv --file report.sql > report.csv', 'SQL from a file'],
    ['echo "select now()" | gw query prod-db -', 'SQL from stdin'],
  ],
  description:
    'Several statements, separated by semicolons, run as one transaction, as psql -c runs them. Results are written\n' +
    'as they come. Ctrl-C cancels the statement.\n' +
    '\n' +
    'Exit codes: 1 the SQL failed, 5 it was denied, 7 the database is gone, 130 cancelled by Ctrl-C.',
  args: [
    { name: 'TARGET', summary: 'Name of the database, as in gw ls', completes: 'target' },
    { name: 'SQL', summary: 'What to run; - reads it from stdin' },
  ],
  options: [
    {
      flags: '-f, --file <file>',
      summary: 'Read the SQL from a file',
      env: 'GW_QUERY_FILE',
      completes: 'file',
    },
    { flags: '--csv', summary: 'Print CSV', env: 'GW_CSV' },
    { flags: '-d, --database <name>', summary: 'Another database of the target', env: 'GW_DATABASE' },
    {
      flags: '--timeout <duration>',
      summary: 'Cancel what runs longer, e.g. 30s',
      env: 'GW_TIMEOUT',
      parse: parseDuration,
    },
    JSON_OPTION,
  ],
  async run(input, context) {
    const options = input.options as Options;
    if (options.csv && context.out.json) {
      throw new GwError('usage', '--csv and --json do not go together.', { hint: 'Choose one.' });
    }
    const sql = await readSql(input, options);
    const target = await context.pickTarget(input.args[0], 'query');
    return execute(target, sql, options, context);
  },
};

async function readSql(input: CommandInput, { file }: Options): Promise<string> {
  const given = input.args[1];
  if ((given === undefined) === (file === undefined)) {
    throw new GwError('usage', 'Say what to run: SQL, "-" for stdin, or --file.', {
      hint: 'gw query TARGET "select 1"',
    });
  }
  const text = given === '-' ? await readStdin() : (given ?? (await readSqlFile(file!)));
  if (Buffer.byteLength(text) > LIMITS.statementBytes) {
    throw new GwError('limit', 'The SQL text is too long.', { hint: 'Load data with COPY through gw psql.' });
  }
  if (text.includes('\0')) throw new GwError('usage', 'SQL cannot contain a zero byte.');
  return text;
}

async function readSqlFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code = 'error' } = cause as NodeJS.ErrnoException;
    throw new GwError('usage', `The file ${file} cannot be read (${code}).`, { cause });
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > LIMITS.statementBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function execute(
  target: string,
  sql: string,
  options: Options,
  context: CommandContext,
): Promise<number> {
  const { out, clock, interrupt } = context;
  const reporter = new Reporter({ note: () => {}, warn: out.warn });
  const tunnel = await untilInterrupted(interrupt, async (signal) => {
    const gateway = await context.gateway();
    return Tunnel.open({ gateway, target, clock, events: reporter, signal });
  });
  try {
    const { user, database } = tunnel.grant;
    const session = await PgSession.open(tunnel.way, {
      user,
      database: options.database ?? database,
      applicationName: `gw ${VERSION} query`,
    });
    try {
      return await runWithLimits(session, sql, options, context);
    } finally {
      session.terminate();
    }
  } finally {
    await tunnel.close(closing());
  }
}

/** Ctrl-C and --timeout cancel the statement; a second Ctrl-C does not wait for the server. */
async function runWithLimits(
  session: PgSession,
  sql: string,
  { timeout, csv }: Options,
  { out, interrupt }: CommandContext,
): Promise<number> {
  let cancelledBy: number | 'timeout' | undefined;
  const remove = interrupt.onInterrupt((signal, count) => {
    cancelledBy ??= exitOfSignal(signal);
    if (count > 1) session.abandon();
    else session.cancel();
  });
  const timer =
    timeout &&
    setTimeout(() => {
      cancelledBy ??= 'timeout';
      session.cancel();
    }, timeout);
  try {
    await runQuery(session, sql, {
      writer: writerFor(out.json, csv === true),
      write: (text) => out.raw(text),
      done: (tag, hasRows) => out.note(hasRows ? rowsOf(tag) : sanitise(tag)),
      notice: (severity, message) => out.notice(`${severity}: ${message}`),
    });
    return 0;
  } catch (error) {
    if (typeof cancelledBy === 'number') {
      out.warn('Cancelled.');
      return cancelledBy;
    }
    if (cancelledBy === undefined) throw error;
    throw new GwError('cancelled', `The SQL ran longer than ${formatDuration(timeout!)} and was cancelled.`, {
      hint: 'Allow more with --timeout.',
    });
  } finally {
    remove();
    clearTimeout(timer);
  }
}

function writerFor(json: boolean, csv: boolean): ResultWriter {
  if (json) return new JsonWriter();
  return csv ? new CsvWriter() : new TableWriter();
}

/** `SELECT 3` → `(3 rows)`. */
function rowsOf(tag: string): string {
  const count = Number(/ (\d+)$/.exec(tag)?.[1]);
  return Number.isNaN(count) ? sanitise(tag) : `(${count} row${count === 1 ? '' : 's'})`;
}
