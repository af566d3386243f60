import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';
import type { CommandSpec } from '../command.ts';
import type { AuditStatement, CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';

interface TailOptions {
  readonly data?: string;
  readonly follow?: boolean;
  readonly lines?: number;
}

const DEFAULT_LINES = 20;
const MAX_LINES = 100_000;

const tail: CommandSpec = {
  name: 'tail',
  summary: 'Show the statements of a gateway, newest last',
  examples: [
    ['gw audit tail --data /var/lib/gw', 'the last 20 statements of the gateway on this machine'],
    ['gw audit tail --follow', 'and the next ones as they finish'],
    ['gw audit tail --json -n 1000 | jq .', 'one JSON object a line'],
  ],
  description:
    'Reads the journal in the data folder of a gateway, so it runs on the machine of the gateway, as a user who may\n' +
    'read that folder. docs/audit.md has the format.',
  offline: true,
  args: [],
  options: [
    {
      flags: '--data <folder>',
      summary: "The gateway's data folder",
      env: 'GW_DATA',
      completes: 'directory',
    },
    { flags: '-f, --follow', summary: 'Go on until Ctrl-C', env: 'GW_FOLLOW' },
    {
      flags: '-n, --lines <count>',
      summary: `How many (default: ${DEFAULT_LINES})`,
      env: 'GW_LINES',
      parse: parseCount,
    },
    JSON_OPTION,
  ],
  async run({ options }, context) {
    const { data, follow = false, lines = DEFAULT_LINES } = options as TailOptions;
    if (data === undefined) {
      throw new GwError('usage', 'Whose journal? Name the data folder of the gateway.', {
        hint: 'gw audit tail --data /var/lib/gw',
      });
    }
    const stop = new AbortController();
    context.interrupt.onInterrupt(() => stop.abort());
    const statements = await context.halves.audit(join(data, 'journal'), { follow, signal: stop.signal });
    await show(statements, follow, lines, context);
    return 0;
  },
};

export const audit: CommandSpec = {
  name: 'audit',
  summary: 'Look into the record of a gateway',
  examples: tail.examples,
  offline: true,
  args: [],
  options: [],
  subcommands: [tail],
  run: () => {
    throw new GwError('usage', 'What of the record?', { hint: 'gw audit tail --data /var/lib/gw' });
  },
};

/** The last `count` of what is there, then, when following, each as it comes. */
async function show(
  statements: AsyncIterable<AuditStatement>,
  follow: boolean,
  count: number,
  { out }: CommandContext,
): Promise<void> {
  const print = (statement: AuditStatement): void => {
    if (out.json) out.line(JSON.stringify(statement));
    else out.line(lineOf(statement));
  };
  const last: AuditStatement[] = [];
  for await (const statement of statements) {
    if (follow) print(statement);
    else if (last.push(statement) > count) last.shift();
  }
  for (const statement of last) print(statement);
}

/** `2026-01-31T10:00:00.123Z alice@example.com prod-db 500 rows 2.1 ms 00000 select …`, on one line. */
function lineOf(statement: AuditStatement): string {
  const {
    start = '',
    name = '?',
    target = '?',
    rows,
    sqlstate,
    durationUs,
    state,
    rule,
    text = '',
  } = statement;
  const result =
    state === 'done'
      ? `${sqlstate} ${rows === undefined ? '-' : rows} rows ${((durationUs ?? 0) / 1_000).toFixed(1)} ms`
      : state === 'refused'
        ? `refused by ${rule} ${sqlstate}`
        : state;
  return `${start}  ${name}  ${target}  ${result}  ${text.replace(/\s+/g, ' ').trim()}`;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > MAX_LINES) {
    throw new GwError('usage', `"${text}" is not a count.`, {
      hint: `A whole number from 1 to ${MAX_LINES}.`,
    });
  }
  return count;
}
