/**
 * The first keyword of a statement, upper-cased: what the audit line and the metrics call its kind. It looks
 * behind white space, comments (nested, as PostgreSQL's scanner has them) and opening parentheses and decides
 * nothing that safety rests on.
 */

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x28, 0x3b]);
const LONGEST_WORD = 24;

/** @param text UTF-8 SQL; only its beginning is read. Returns `''` for an empty statement. */
export function commandWord(text: Uint8Array): string {
  const start = skipBlank(text, 0);
  let end = start;
  while (end < text.length && end - start < LONGEST_WORD && isLetter(text[end]!)) end++;
  return String.fromCharCode(...text.subarray(start, end)).toUpperCase();
}

/** PostgreSQL cuts names to NAMEDATALEN - 1 bytes. */
const NAME_BYTES = 63;

/**
 * The name a `PREPARE name …` gives, folded and cut as PostgreSQL does it, one character per byte as names on the
 * wire are; undefined for anything else.
 */
export function preparedName(text: Uint8Array): string | undefined {
  if (commandWord(text) !== 'PREPARE') return undefined;
  const start = skipBlank(text, skipBlank(text, 0) + 'PREPARE'.length);
  const head = new TextDecoder().decode(text.subarray(start, start + 256));
  const match = /^(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))/u.exec(head);
  const name = match?.[1]?.replaceAll('""', '"') ?? match?.[2]?.toLowerCase();
  return name && Buffer.from(name).toString('latin1').slice(0, NAME_BYTES);
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function skipBlank(text: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    while (at < text.length && SPACE.has(text[at]!)) at++;
    if (text[at] === 0x2d && text[at + 1] === 0x2d) {
      while (at < text.length && text[at] !== 0x0a) at++;
    } else if (text[at] === 0x2f && text[at + 1] === 0x2a) {
      at = skipBlockComment(text, at);
    } else {
      return at;
    }
  }
}

function skipBlockComment(text: Uint8Array, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    if (text[at] === 0x2f && text[at + 1] === 0x2a) {
      depth++;
      at += 2;
    } else if (text[at] === 0x2a && text[at + 1] === 0x2f) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else {
      at++;
    }
  }
  return at;
}
