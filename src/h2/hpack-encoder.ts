import { GwError } from '../core/errors.ts';
import { STATIC_TABLE } from './hpack-static.ts';
import type { Headers } from './types.ts';

/**
 * Encodes header blocks without a dynamic table: no state, so blocks can be sent in any order, and nothing
 * of a credential stays in the peer's memory. Credentials are marked never to be indexed (RFC 7541, 7.1.3).
 */

const NEVER_INDEXED = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
const FIELD_NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113, 8.2.1: no NUL, CR, LF; no space or tab at either end. One byte per character. */
const FIELD_VALUE = /^(?![ \t])[\x01-\x09\x0b\x0c\x0e-\xff]*(?<![ \t])$/;

const NAME_INDEX = new Map<string, number>();
const FIELD_INDEX = new Map<string, number>();
STATIC_TABLE.forEach(([name, value], i) => {
  if (!NAME_INDEX.has(name)) NAME_INDEX.set(name, i + 1);
  FIELD_INDEX.set(`${name}\0${value}`, i + 1);
});

/** A size update to zero: whatever table size the peer announces, we keep to it (RFC 7541, 4.2). */
const NO_DYNAMIC_TABLE = 0x20;

/** Is this a field name and value that may be sent (lower case, no line breaks)? */
export function isValidField(name: string, value: string): boolean {
  return FIELD_NAME.test(name) && FIELD_VALUE.test(value);
}

/** One header block. Pseudo-header fields must come first. Throws `bug` on a field that cannot be sent. */
export function encodeHeaders(headers: Headers): Buffer {
  const parts: Buffer[] = [Buffer.of(NO_DYNAMIC_TABLE)];
  for (const [name, value] of Object.entries(headers)) {
    if (!isValidField(name, value)) {
      throw new GwError('bug', `The HTTP/2 header "${name}" cannot be sent: its name or value is not valid.`);
    }
    const field = FIELD_INDEX.get(`${name}\0${value}`);
    if (field !== undefined && !NEVER_INDEXED.has(name)) {
      parts.push(integer(field, 7, 0x80));
      continue;
    }
    const index = NAME_INDEX.get(name) ?? 0;
    parts.push(integer(index, 4, NEVER_INDEXED.has(name) ? 0x10 : 0x00));
    if (index === 0) parts.push(...string(name));
    parts.push(...string(value));
  }
  return Buffer.concat(parts);
}

function string(text: string): Buffer[] {
  return [integer(text.length, 7, 0x00), Buffer.from(text, 'latin1')];
}

function integer(value: number, prefixBits: number, pattern: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.of(pattern | value);
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
