/** One thing wrong with a configuration file. Lines and columns count from 1. Never holds a secret's value. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** Where in the document, e.g. `targets.prod-db.port` or `identity_providers[0].issuer`; empty: the whole. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export type Path = readonly (string | number)[];

/** A problem found by path; its position is looked up afterwards. */
export interface Finding {
  readonly path: Path;
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** How many problems one run reports; a file with more is wrong in a way that the first ones explain. */
export const MAX_PROBLEMS = 100;

export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/**
 * Problems as lines that editors and people can follow:
 * `gw.yaml:12:5: targets.prod-db.port: must be …`, the hint indented below.
 */
export function formatProblems(problems: readonly Problem[], file: string): string {
  return problems
    .map(({ line, column, path, message, hint }) => {
      const where = path === '' ? '' : `${path}: `;
      return `${file}:${line}:${column}: ${where}${message}${hint === undefined ? '' : `\n    ${hint}`}`;
    })
    .join('\n');
}

/** In the order of the file, without repetitions, at most {@link MAX_PROBLEMS}. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return [...problems]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .filter((problem) => {
      const key = `${problem.line}:${problem.column}:${problem.message}`;
      return !seen.has(key) && seen.add(key);
    })
    .slice(0, MAX_PROBLEMS);
}
