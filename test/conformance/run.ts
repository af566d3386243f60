/**
 * Is the relay invisible? Runs a folder of .sql files with psql three times: directly, directly again on a second
 * server of the same kind, and through a gateway. A line may differ through the gateway only where the two
 * direct runs differ as well (process numbers, times, unordered rows).
 *
 *   node test/conformance/run.ts --sql DIR --direct URL --again URL --through URL [--out DIR] [--only NAME…]
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const FILE_TIMEOUT_MS = 300_000;
/** What others build on comes first, as in PostgreSQL's own schedule. */
const FIRST = ['test_setup', 'create_', 'copy', 'copyselect'];

export interface ConformanceOptions {
  readonly folder: string;
  readonly direct: string;
  readonly again: string;
  readonly through: string;
  readonly out: string;
  readonly only: readonly string[];
  report(line: string): void;
}

export interface ConformanceResult {
  readonly files: number;
  readonly lines: number;
  /** `file:line` of the direct output, with what came through the gateway. */
  readonly differences: readonly string[];
}

/** Runs every file against the three servers; each server runs its files in order, the three side by side. */
export async function conformance(options: ConformanceOptions): Promise<ConformanceResult> {
  const files = inOrder(readdirSync(options.folder).filter((name) => name.endsWith('.sql'))).filter(
    (name) => options.only.length === 0 || options.only.includes(name.replace('.sql', '')),
  );
  const servers = { direct: options.direct, again: options.again, through: options.through };
  await Promise.all(
    Object.entries(servers).map(async ([name, url]) => {
      mkdirSync(join(options.out, name), { recursive: true });
      for (const file of files) await runFile(options.folder, file, url, join(options.out, name));
    }),
  );
  return compare(options, files);
}

function compare(options: ConformanceOptions, files: readonly string[]): ConformanceResult {
  const differences: string[] = [];
  let lines = 0;
  for (const file of files) {
    const [direct, again, through] = ['direct', 'again', 'through'].map((name) =>
      readFileSync(join(options.out, name, `${file}.out`), 'utf8').split('\n'),
    ) as [string[], string[], string[]];
    lines += direct.length;
    const found = differingLines(direct, again, through).map(
      (line) =>
        `${file}:${line + 1}\n    direct   ${direct[line] ?? '(nothing)'}\n    through  ${through[line] ?? '(nothing)'}`,
    );
    for (const difference of found) options.report(difference);
    differences.push(...found);
  }
  return { files: files.length, lines, differences };
}

/** Line numbers that differ through the gateway and not between the direct runs. */
export function differingLines(
  direct: readonly string[],
  again: readonly string[],
  through: readonly string[],
): number[] {
  if (direct.length === through.length) {
    return [...direct.keys()].filter((i) => direct[i] !== through[i] && direct[i] === again[i]);
  }
  if (direct.length !== again.length) return sortedDifference(direct, again, through);
  return [[...direct.keys(), direct.length].find((i) => direct[i] !== through[i]) ?? 0];
}

/** The direct runs differ in length themselves: then lines are compared as a bag. */
function sortedDifference(
  direct: readonly string[],
  again: readonly string[],
  through: readonly string[],
): number[] {
  const known = new Set([...direct, ...again]);
  const strange = through.findIndex((line) => !known.has(line));
  return strange < 0 ? [] : [strange];
}

function inOrder(files: readonly string[]): string[] {
  const rank = (file: string): number => {
    const index = FIRST.findIndex((prefix) => file.startsWith(prefix));
    return index < 0 ? FIRST.length : index;
  };
  return [...files].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function runFile(folder: string, file: string, url: string, out: string): Promise<void> {
  return new Promise((done, reject) => {
    // One file for both streams, as a person sees them: psql flushes one before it writes the other.
    const output = openSync(join(out, `${file}.out`), 'w');
    const child = spawn(
      'psql',
      [
        '-X',
        '-a',
        '-q',
        '-d',
        url,
        '-v',
        'HIDE_TABLEAM=on',
        '-v',
        'HIDE_TOAST_COMPRESSION=on',
        '-f',
        join(folder, file),
      ],
      {
        stdio: ['ignore', output, output],
        env: {
          ...process.env,
          PGTZ: 'PST8PDT',
          PGDATESTYLE: 'Postgres, MDY',
          PG_ABS_SRCDIR: '/nonexistent',
          PG_ABS_BUILDDIR: '/nonexistent',
          PG_LIBDIR: '/nonexistent',
          PG_DLSUFFIX: '.so',
          PSQL_PAGER: '',
          TERM: 'dumb',
        },
      },
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_TIMEOUT_MS);
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      closeSync(output);
      done();
    });
  });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      sql: { type: 'string' },
      direct: { type: 'string' },
      again: { type: 'string' },
      through: { type: 'string' },
      out: { type: 'string', default: 'conformance-out' },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const { sql, direct, again, through, out, only } = values;
  if (!sql || !direct || !again || !through) {
    process.stderr.write(
      'usage: run.ts --sql DIR --direct URL --again URL --through URL [--out DIR] [--only NAME]\n',
    );
    process.exit(2);
  }
  const report = (line: string): boolean => process.stdout.write(`${line}\n`);
  const result = await conformance({
    folder: resolve(sql),
    direct,
    again,
    through,
    out: resolve(out),
    only,
    report,
  });
  process.stdout.write(
    `${result.files} files, ${result.lines} lines, ${result.differences.length} differences\n`,
  );
  process.exitCode = result.differences.length > 0 ? 1 : 0;
}
