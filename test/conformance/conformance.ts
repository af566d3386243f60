import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareOutputs, type Difference, type DifferenceKind } from './compare.ts';
import { runFile } from './psql.ts';

/**
 * Is the relay invisible? Runs a folder of .sql files with psql three times: directly, directly again on a second
 * server of the same kind, and through a gateway. A line may differ through the gateway only where the two
 * direct runs differ as well.
 */
export interface ConformanceOptions {
  readonly psql: string;
  readonly folder: string;
  /** URLs for libpq. */
  readonly servers: { readonly direct: string; readonly again: string; readonly through: string };
  /** Folder for the outputs; made. */
  readonly out: string;
  /** File names without .sql; empty: all. */
  readonly only?: readonly string[];
}

export interface FileDifference extends Difference {
  readonly file: string;
}

export interface ConformanceResult {
  readonly files: number;
  readonly lines: number;
  readonly differences: readonly FileDifference[];
}

/** What others build on comes first, as in PostgreSQL's own schedule. */
const FIRST = ['test_setup', 'create_', 'copy', 'copyselect'];
/** Calls functions by message, which gw refuses: what is not made then has no number, and others would show it. */
const LAST = 'largeobject';

/** Runs every file; each server gets its files in order, the three side by side. */
export async function conformance(options: ConformanceOptions): Promise<ConformanceResult> {
  const { psql, folder, servers, out, only = [] } = options;
  const files = inOrder(readdirSync(folder).filter((name) => name.endsWith('.sql'))).filter(
    (name) => only.length === 0 || only.includes(name.slice(0, -'.sql'.length)),
  );
  await Promise.all(
    Object.entries(servers).map(async ([name, url]) => {
      mkdirSync(join(out, name), { recursive: true });
      for (const file of files) await runFile(psql, join(folder, file), url, outputOf(out, name, file));
    }),
  );
  let lines = 0;
  const differences = files.flatMap((file) => {
    const read = (name: string): string[] => readFileSync(outputOf(out, name, file), 'utf8').split('\n');
    const direct = read('direct');
    lines += direct.length;
    return compareOutputs(direct, read('again'), read('through')).map((found) => ({ ...found, file }));
  });
  return { files: files.length, lines, differences };
}

const outputOf = (out: string, name: string, file: string): string => join(out, name, `${file}.out`);

export const ofKind = (result: ConformanceResult, kind: DifferenceKind): FileDifference[] =>
  result.differences.filter((difference) => difference.kind === kind);

/** Every difference that is not accounted for in full, then one line of counts. */
export function formatResult(result: ConformanceResult): string {
  const shown = [...ofKind(result, 'function-call'), ...ofKind(result, 'unexplained')].map(formatDifference);
  const count = (kind: DifferenceKind, what: string): string[] => {
    const { length } = ofKind(result, kind);
    return length === 0 ? [] : [`${length} ${what}`];
  };
  const others = [
    ...count('unstable', 'where the direct runs differ too'),
    ...count('notice-line', "only in psql's line number of a notice"),
    ...count('identifiers', 'only in object identifiers'),
    ...count('function-call', 'of refused function calls'),
  ];
  const summary = `${result.files} files, ${result.lines} lines: ${ofKind(result, 'unexplained').length} unexplained differences`;
  return [...shown, others.length > 0 ? `${summary} (and ${others.join(', ')})` : summary].join('\n');
}

function formatDifference({ file, line, kind, direct, through }: FileDifference): string {
  const side = (name: string, lines: readonly string[]): string[] =>
    (lines.length > 0 ? lines : ['(nothing)']).map((text) => `    ${name.padEnd(9)}${text}`);
  return [`${file}:${line}  ${kind}`, ...side('direct', direct), ...side('through', through)].join('\n');
}

function inOrder(files: readonly string[]): string[] {
  const rank = (file: string): number => {
    if (file.startsWith(LAST)) return FIRST.length + 1;
    const index = FIRST.findIndex((prefix) => file.startsWith(prefix));
    return index < 0 ? FIRST.length : index;
  };
  return [...files].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}
