import {
  type CodePointRanges,
  isIn,
  LEFT_TO_RIGHT,
  MAPPED_TO_NOTHING,
  NON_ASCII_SPACE,
  PROHIBITED,
  RIGHT_TO_LEFT,
  UNASSIGNED,
} from './stringprep-tables.ts';

/**
 * SASLprep (RFC 4013) as PostgreSQL applies it to passwords: one that the profile prohibits is used as it is
 * instead of being refused, so that any password that can be set can also be used.
 */
export function saslprep(password: string): string {
  if (/^[\0-\x7f]*$/.test(password)) return password;
  const mapped = Array.from(password, mapCharacter).join('');
  if (mapped === '') return password;
  const prepared = mapped.normalize('NFKC');
  const codePoints = Array.from(prepared, (character) => character.codePointAt(0)!);
  const has = (ranges: CodePointRanges): boolean => codePoints.some((point) => isIn(ranges, point));
  if (has(PROHIBITED) || has(UNASSIGNED) || !isBidiConsistent(codePoints, has)) return password;
  return prepared;
}

/** Section 2.1. */
function mapCharacter(character: string): string {
  const codePoint = character.codePointAt(0)!;
  if (isIn(NON_ASCII_SPACE, codePoint)) return ' ';
  return isIn(MAPPED_TO_NOTHING, codePoint) ? '' : character;
}

/** RFC 3454, section 6: a right-to-left string begins and ends so and has nothing left-to-right in it. */
function isBidiConsistent(codePoints: readonly number[], has: (ranges: CodePointRanges) => boolean): boolean {
  if (!has(RIGHT_TO_LEFT)) return true;
  const ends = [codePoints[0]!, codePoints[codePoints.length - 1]!];
  return !has(LEFT_TO_RIGHT) && ends.every((point) => isIn(RIGHT_TO_LEFT, point));
}
