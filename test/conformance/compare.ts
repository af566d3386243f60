import { diffLines, type Hunk } from './line-diff.ts';

/**
 * What a difference between the direct output and the one through the gateway means:
 *
 *   unstable       the direct runs differ there as well (process numbers, times, unordered rows)
 *   notice-line    only the line of the script at which psql took notice of a notice: while it sends COPY data it
 *                  reads the answer in passing, so that depends on which packet brought it
 *   identifiers    only numbers that PostgreSQL gave to objects, and the width of their columns
 *   function-call  a function-call message was refused, as gw does by design (psql's \lo_… commands use them), or
 *                  it comes after one in the same file
 *   unexplained    the relay is not invisible
 */
export type DifferenceKind = 'unstable' | 'notice-line' | 'identifiers' | 'function-call' | 'unexplained';

export interface Difference {
  readonly kind: DifferenceKind;
  /** Counted from 1, in the direct output. */
  readonly line: number;
  readonly direct: readonly string[];
  readonly through: readonly string[];
}

/** FirstNormalObjectId (src/include/access/transam.h): below it are the objects of initdb, alike everywhere. */
const FIRST_OWN_IDENTIFIER = 16_384;
const REFUSED_CALL = 'Function-call messages are not supported through gw.';

/** Differences of one file, in order. */
export function compareOutputs(
  direct: readonly string[],
  again: readonly string[],
  through: readonly string[],
): Difference[] {
  const unstable = unstableLines(diffLines(direct, again));
  let refused = false;
  return diffLines(direct, through)
    .flatMap(splitEqualHunk)
    .map((hunk) => {
      const lines = direct.slice(hunk.from, hunk.to);
      const others = through.slice(hunk.otherFrom, hunk.otherTo);
      refused ||= others.some((line) => line.includes(REFUSED_CALL));
      const kind = isUnstable(hunk, unstable)
        ? 'unstable'
        : alike(lines, others, withoutNoticeLine)
          ? 'notice-line'
          : alike(lines, others, withoutIdentifiers)
            ? 'identifiers'
            : refused
              ? 'function-call'
              : 'unexplained';
      return { kind, line: hunk.from + 1, direct: lines, through: others };
    });
}

/** As many lines on both sides: each is judged by itself. */
function splitEqualHunk(hunk: Hunk): Hunk[] {
  const { from, to, otherFrom, otherTo } = hunk;
  if (to - from !== otherTo - otherFrom) return [hunk];
  return Array.from({ length: to - from }, (_, i) => ({
    from: from + i,
    to: from + i + 1,
    otherFrom: otherFrom + i,
    otherTo: otherFrom + i + 1,
  }));
}

interface Unstable {
  readonly lines: ReadonlySet<number>;
  /** Where the second run has further lines, before this line of the first. */
  readonly gaps: ReadonlySet<number>;
}

function unstableLines(hunks: readonly Hunk[]): Unstable {
  const lines = new Set<number>();
  const gaps = new Set<number>();
  for (const { from, to } of hunks) {
    for (let line = from; line < to; line++) lines.add(line);
    gaps.add(from).add(to);
  }
  return { lines, gaps };
}

function isUnstable({ from, to }: Hunk, unstable: Unstable): boolean {
  if (from === to) return unstable.gaps.has(from);
  for (let line = from; line < to; line++) if (!unstable.lines.has(line)) return false;
  return true;
}

function alike(
  lines: readonly string[],
  others: readonly string[],
  neutral: (line: string) => string,
): boolean {
  return lines.length === others.length && lines.every((line, i) => neutral(line) === neutral(others[i]!));
}

const withoutNoticeLine = (line: string): string =>
  line.replace(/^(psql:[^:]*):\d+: (?=DEBUG|INFO|NOTICE|WARNING)/, '$1: ');

/** Identifiers replaced, and runs of spaces and rules made one: columns are as wide as what is in them. */
function withoutIdentifiers(line: string): string {
  return line
    .replaceAll(/\d+/g, (digits) => (Number(digits) >= FIRST_OWN_IDENTIFIER ? '#' : digits))
    .replaceAll(/ +/g, ' ')
    .replaceAll(/-{2,}/g, '--');
}
