import { sanitiseLine } from './sanitise.ts';
import type { Style } from './style.ts';
import { textWidth } from './width.ts';

/** Lines of `name  value`, aligned; facts without a value are left out. */
export function factLines(
  facts: readonly (readonly [name: string, value: string | undefined])[],
  style: Style,
): string[] {
  const known = facts.filter((fact): fact is readonly [string, string] => Boolean(fact[1]));
  const width = Math.max(0, ...known.map(([name]) => textWidth(name)));
  return known.map(
    ([name, value]) => `${style.dim(name)}${' '.repeat(width - textWidth(name) + 2)}${sanitiseLine(value)}`,
  );
}
