import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { LIMITS } from '../../core/limits.ts';

/**
 * Statement text as JSON, made from bytes. A line of the journal is one JSON value without raw control
 * characters, without U+007F to U+009F and without U+2028 and U+2029, so that no reader takes a part of a
 * text for the end of a line and no terminal takes it for a command. JSON.parse gives the text back.
 */

/** `"text":"…"` and, where they are needed, the members that say how the text was changed. Made once per text. */
export interface JsonText {
  readonly json: Buffer;
}

/** Length of a byte once escaped; HIGH marks what is not ASCII. */
const HIGH = 8;
const SIZE = new Uint8Array(256);
/** The letter of a two-byte escape. */
const SHORT = new Uint8Array(256);
const HEX = Buffer.from('0123456789abcdef');
const BACKSLASH = 0x5c;

for (let byte = 0; byte < 256; byte++) SIZE[byte] = byte > 0x7f ? HIGH : byte < 0x20 || byte === 0x7f ? 6 : 1;
for (const [char, letter] of ['""', '\\\\', '\nn', '\rr', '\tt', '\bb', '\ff']) {
  SIZE[char!.charCodeAt(0)] = 2;
  SHORT[char!.charCodeAt(0)] = letter!.charCodeAt(0);
}

const RAW = /[\u007f-\u009f\u2028\u2029]/g;
const escapeUnit = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Any string as a JSON string, quotes included; lone surrogates are escaped, so they survive. */
export function jsonString(text: string): string {
  return JSON.stringify(text).replace(RAW, escapeUnit);
}

/** A value as JSON for a line of the journal. For rare records; statements are written by bytes. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(RAW, escapeUnit);
}

/**
 * The text of a statement. Bytes that are not UTF-8 become one character each, which `text_encoding` says.
 * Of a text above LIMITS.journalTextBytes the beginning is kept, with its length in bytes and its SHA-256.
 */
export function jsonText(text: Uint8Array | string): JsonText {
  const bytes = typeof text === 'string' ? stringBytes(text) : text;
  if (bytes === undefined) return { json: Buffer.from(`"text":${jsonString(text as string)}`) };
  if (bytes.length > LIMITS.journalTextBytes) return shortened(bytes);
  return { json: member(bytes) };
}

/** undefined for a short string with lone surrogates, which UTF-8 cannot carry. */
function stringBytes(text: string): Uint8Array | undefined {
  if (text.isWellFormed() || text.length * 3 > LIMITS.journalTextBytes) return Buffer.from(text);
  return undefined;
}

function member(bytes: Uint8Array): Buffer {
  const size = escapedSize(bytes);
  if (size < 0) return Buffer.from(highMember(bytes));
  const out = Buffer.allocUnsafe(size + 9);
  out.write('"text":"', 0, 'latin1');
  out[escapeInto(out, 8, bytes, size)] = 0x22;
  return out;
}

function highMember(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(view)) return `"text":${jsonString(view.toString())}`;
  return `"text":${jsonString(view.toString('latin1'))},"text_encoding":"bytes"`;
}

function shortened(bytes: Uint8Array): JsonText {
  let end: number = LIMITS.journalTextBytes;
  while (end > LIMITS.journalTextBytes - 4 && (bytes[end]! & 0xc0) === 0x80) end--;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const rest = `,"truncated":true,"text_bytes":${bytes.length},"text_sha256":"${sha256}"`;
  return { json: Buffer.concat([member(bytes.subarray(0, end)), Buffer.from(rest)]) };
}

/** Size once escaped; -1 when there are bytes beyond ASCII. */
function escapedSize(bytes: Uint8Array): number {
  let size = 0;
  let high = 0;
  for (let i = 0; i < bytes.length; i++) {
    const one = SIZE[bytes[i]!]!;
    size += one;
    high |= one;
  }
  return (high & HIGH) === 0 ? size : -1;
}

/** Writes ASCII `bytes` escaped at `at`; returns the offset behind them. */
function escapeInto(out: Buffer, at: number, bytes: Uint8Array, size: number): number {
  if (size === bytes.length) {
    out.set(bytes, at);
    return at + size;
  }
  let to = at;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const one = SIZE[byte]!;
    if (one === 1) {
      out[to++] = byte;
    } else if (one === 2) {
      out[to++] = BACKSLASH;
      out[to++] = SHORT[byte]!;
    } else {
      out.write('\\u00', to, 'latin1');
      out[to + 4] = HEX[byte >> 4]!;
      out[to + 5] = HEX[byte & 15]!;
      to += 6;
    }
  }
  return to;
}
