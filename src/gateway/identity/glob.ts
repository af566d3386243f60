/**
 * Patterns for claims. `*` stands for any characters except `/` and `:`, the separators of the names that
 * CI platforms put into claims, so that a pattern cannot reach beyond the part it was written for; `**`
 * stands for anything. Time is bounded by the product of both lengths, whatever the pattern.
 */
export function matchesGlob(pattern: string, value: string): boolean {
  if (value.length > MAX_VALUE) return false;
  const tokens = pattern.match(/\*\*+|\*|[^*]/gsu) ?? [];
  const letters = [...value];
  // reach[i]: the tokens so far can match the first i letters.
  let reach = letters.map(() => false);
  reach.unshift(true);
  for (const token of tokens) {
    const next = reach.map(() => false);
    if (token.startsWith('*')) {
      let open = false;
      for (let index = 0; index <= letters.length; index++) {
        const crossed = index > 0 && token === '*' && SEPARATORS.has(letters[index - 1]!);
        open = (open && !crossed) || reach[index]!;
        next[index] = open;
      }
    } else {
      for (let index = 1; index <= letters.length; index++) {
        next[index] = reach[index - 1]! && letters[index - 1] === token;
      }
    }
    reach = next;
  }
  return reach[letters.length]!;
}

const SEPARATORS = new Set(['/', ':']);
/** Claims of CI tokens are at most a few hundred characters. */
const MAX_VALUE = 2048;
