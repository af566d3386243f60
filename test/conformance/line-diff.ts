/** Lines `from`…`to` of one text stand where lines `otherFrom`…`otherTo` of the other stand (ends excluded). */
export interface Hunk {
  readonly from: number;
  readonly to: number;
  readonly otherFrom: number;
  readonly otherTo: number;
}

/** Where two texts differ, by the shortest edit (Myers, "An O(ND) Difference Algorithm", 1986). */
export function diffLines(one: readonly string[], other: readonly string[]): Hunk[] {
  const same = matches(one, other);
  const hunks: Hunk[] = [];
  let [from, otherFrom] = [0, 0];
  for (const [to, otherTo] of [...same, [one.length, other.length] as const]) {
    if (to > from || otherTo > otherFrom) hunks.push({ from, to, otherFrom, otherTo });
    [from, otherFrom] = [to + 1, otherTo + 1];
  }
  return hunks;
}

type Pair = readonly [line: number, otherLine: number];

/** Pairs of equal lines that stay, in order. */
function matches(one: readonly string[], other: readonly string[]): Pair[] {
  const trace: Map<number, number>[] = [];
  const reach = new Map<number, number>([[1, 0]]);
  for (let edits = 0; edits <= one.length + other.length; edits++) {
    trace.push(new Map(reach));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = furthest(reach, diagonal, edits);
      while (x < one.length && x - diagonal < other.length && one[x] === other[x - diagonal]) x++;
      reach.set(diagonal, x);
      if (x >= one.length && x - diagonal >= other.length) return walkBack(trace, one.length, other.length);
    }
  }
  return [];
}

/** The best start on a diagonal: down from the one above, or right from the one below. */
function furthest(reach: ReadonlyMap<number, number>, diagonal: number, edits: number): number {
  const down = reach.get(diagonal + 1) ?? -1;
  const right = reach.get(diagonal - 1) ?? -1;
  return diagonal === -edits || (diagonal !== edits && right < down) ? down : right + 1;
}

function walkBack(
  trace: readonly ReadonlyMap<number, number>[],
  length: number,
  otherLength: number,
): Pair[] {
  const pairs: Pair[] = [];
  let [x, y] = [length, otherLength];
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits]!;
    const diagonal = x - y;
    const startX = furthest(reach, diagonal, edits);
    for (; x > startX && y > startX - diagonal; x--, y--) pairs.push([x - 1, y - 1]);
    if (edits === 0) break;
    const cameDown =
      diagonal === -edits || (diagonal !== edits && startX === (reach.get(diagonal + 1) ?? -1));
    [x, y] = cameDown ? [x, y - 1] : [x - 1, y];
  }
  return pairs.reverse();
}
