import { malformed } from './reader.ts';

/** A CommandComplete: `INSERT 0 3` is command `INSERT`, rows 3; `CREATE TABLE` has no rows. */
export interface CommandTag {
  readonly tag: string;
  readonly command: string;
  readonly rows: number | undefined;
}

const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/** Reads the body of a CommandComplete. Runs once per statement, so it works on bytes. */
export function decodeCommandComplete(body: Buffer): CommandTag {
  const end = tagEnd(body);
  const tag = body.toString('latin1', 0, end);
  const numbers = numbersStart(body, end);
  if (numbers === end) return { tag, command: tag, rows: undefined };
  return { tag, command: tag.slice(0, numbers), rows: trailingNumber(body, end) };
}

/** Only the number of rows of a CommandComplete, without making strings; -1 when its tag has none. */
export function commandRows(body: Buffer): number {
  const end = tagEnd(body);
  return numbersStart(body, end) === end ? -1 : trailingNumber(body, end);
}

function tagEnd(body: Buffer): number {
  const end = body.length - 1;
  if (end < 0 || body[end] !== 0)
    throw malformed('CommandComplete', body.length, 'the tag is not terminated');
  for (let i = 0; i < end; i++) {
    if (body[i] === 0) throw malformed('CommandComplete', body.length, 'bytes are left over');
  }
  return end;
}

/** Where the numbers at the end begin (the space before them), or `end`. A command word always comes first. */
function numbersStart(body: Buffer, end: number): number {
  let start = end;
  let at = end;
  while (at > 0) {
    const wordEnd = at;
    while (at > 0 && body[at - 1]! >= ZERO && body[at - 1]! <= NINE) at--;
    if (at === wordEnd || at === 0 || body[at - 1] !== SPACE) break;
    at--;
    start = at;
  }
  return start === 0 ? end : start;
}

function trailingNumber(body: Buffer, end: number): number {
  let value = 0;
  let unit = 1;
  for (let i = end - 1; i >= 0 && body[i] !== SPACE; i--) {
    value += (body[i]! - ZERO) * unit;
    unit *= 10;
  }
  return value;
}
