import { parseDuration } from '../../core/units.ts';
import type { FileConfig } from './file-schema.ts';
import type { Loose } from './loose.ts';
import type { Finding, Path } from './problems.ts';

/** What the rules between settings look at. */
export interface RuleInput {
  readonly file: Loose<FileConfig>;
  /** Whether something stands at this path in the file, right or wrong. */
  readonly given: (path: Path) => boolean;
}

/** A duration within bounds; both bounds are allowed. */
export function* between(
  value: string | undefined,
  path: Path,
  least: string,
  most: string,
): Generator<Finding> {
  if (value === undefined) return;
  const ms = parseDuration(value);
  if (ms < parseDuration(least)) yield { path, message: `must be at least ${least}` };
  if (ms > parseDuration(most)) yield { path, message: `must be at most ${most}` };
}
