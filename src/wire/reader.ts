/**
 * A bounds-checked cursor over the body of one message. Every read checks what is there before it slices;
 * anything missing, left over or unterminated is a GwError `protocol_violation` that names the message.
 * Slices are views into the body, so they live as long as the body does.
 */
import { GwError } from '../core/errors.ts';

export class Reader {
  readonly #body: Buffer;
  readonly #what: string;
  #at = 0;

  /** @param what the message's name, for errors: `Bind` */
  constructor(what: string, body: Buffer) {
    this.#what = what;
    this.#body = body;
  }

  u8(field: string): number {
    return this.#body[this.#take(1, field)]!;
  }

  i16(field: string): number {
    return this.#body.readInt16BE(this.#take(2, field));
  }

  u16(field: string): number {
    return this.#body.readUInt16BE(this.#take(2, field));
  }

  i32(field: string): number {
    return this.#body.readInt32BE(this.#take(4, field));
  }

  u32(field: string): number {
    return this.#body.readUInt32BE(this.#take(4, field));
  }

  bytes(count: number, field: string): Buffer {
    const from = this.#take(count, field);
    return this.#body.subarray(from, from + count);
  }

  /** An int32 length and so many bytes; -1 is NULL. */
  value(field: string): Buffer | null {
    const length = this.i32(field);
    if (length < -1) throw this.violation(`${field} has the length ${length}`);
    return length === -1 ? null : this.bytes(length, field);
  }

  /** A count, and the guarantee that so many items of at least `itemBytes` can still be there. */
  count(field: string, itemBytes: number): number {
    return this.fits(this.u16(field), field, itemBytes);
  }

  fits(count: number, field: string, itemBytes: number): number {
    if (count < 0 || count * itemBytes > this.left) throw this.violation(`it cannot hold ${count} ${field}`);
    return count;
  }

  /** So many items, one after the other; the count is checked first, by `count` or `fits`. */
  list<T>(count: number, read: () => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }

  /** The bytes of a zero-terminated string, without the zero. */
  terminated(field: string): Buffer {
    const from = this.#at;
    return this.#body.subarray(from, this.#skipString(field));
  }

  /** A zero-terminated string, one character for each byte (see `ByteString`); at most its first bytes. */
  name(field: string, mostBytes: number = Number.MAX_SAFE_INTEGER): string {
    const from = this.#at;
    return latin1(this.#body, from, Math.min(this.#skipString(field), from + mostBytes));
  }

  /** A zero-terminated string as UTF-8; for display, since invalid bytes become U+FFFD. */
  text(field: string): string {
    return this.terminated(field).toString('utf8');
  }

  rest(): Buffer {
    const from = this.#at;
    this.#at = this.#body.length;
    return this.#body.subarray(from);
  }

  get left(): number {
    return this.#body.length - this.#at;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.left > 0) throw this.violation(`${this.left} bytes are left over`);
  }

  violation(problem: string): GwError {
    return malformed(this.#what, this.#body.length, problem);
  }

  /** Moves behind the zero and returns its offset. */
  #skipString(field: string): number {
    const end = zeroAt(this.#body, this.#at);
    if (end < 0) throw this.violation(`${field} is not terminated`);
    this.#at = end + 1;
    return end;
  }

  #take(count: number, field: string): number {
    if (count < 0 || count > this.left) throw this.violation(`it ends within ${field}`);
    const from = this.#at;
    this.#at += count;
    return from;
  }
}

/** Most strings are short: so many bytes are looked at here before a call into native code pays. */
const NEAR_BYTES = 24;

/** Offset of the first zero byte at or behind `from`; -1 when there is none. */
export function zeroAt(bytes: Buffer, from: number): number {
  const near = Math.min(bytes.length, from + NEAR_BYTES);
  for (let at = from; at < near; at++) if (bytes[at] === 0) return at;
  return near < bytes.length ? bytes.indexOf(0, near) : -1;
}

export const latin1 = (bytes: Buffer, from: number, to: number): string =>
  from === to ? '' : bytes.toString('latin1', from, to);

/** The error of a message whose body is not what its type says. */
export function malformed(what: string, bodyBytes: number, problem: string): GwError {
  return new GwError('protocol_violation', `Malformed ${what} message with a body of ${bodyBytes} bytes.`, {
    detail: `In this message, ${problem}.`,
  });
}

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as text, exactly; undefined when they are not UTF-8. */
export function strictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}
