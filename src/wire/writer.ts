/**
 * Builds one message. Lengths are counted here, never by callers. What cannot be sent as asked (a zero byte
 * inside a string, which would end it early and let the rest be read as something else; a count or a
 * message too large) is an error, so no input can change where a message ends.
 */
import { GwError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

export class Writer {
  readonly #type: number | undefined;
  #bytes: Buffer;
  #at: number;

  /** @param type undefined for the packets that open a connection, which have none */
  constructor(type: number | undefined, roomBytes = 64) {
    this.#type = type;
    this.#bytes = Buffer.allocUnsafe(roomBytes + 5);
    this.#at = type === undefined ? 4 : 5;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }

  i16(value: number): this {
    const at = this.#room(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }

  /** A number of items. */
  count(value: number): this {
    if (value > 0xffff) {
      throw new GwError('limit', `A PostgreSQL message cannot hold ${value} items; the most is 65535.`);
    }
    const at = this.#room(2);
    this.#bytes.writeUInt16BE(value, at);
    return this;
  }

  i32(value: number): this {
    const at = this.#room(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#bytes.writeUInt32BE(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** An int32 length and so many bytes; null is -1. */
  value(value: Uint8Array | null): this {
    return value === null ? this.i32(-1) : this.i32(value.length).bytes(value);
  }

  /** A zero-terminated string; text is sent as UTF-8. */
  text(value: string | Uint8Array): this {
    const zero = typeof value === 'string' ? value.includes('\0') : value.includes(0);
    if (zero) throw unsendable('A zero byte');
    if (typeof value !== 'string') return this.bytes(value).u8(0);
    const length = Buffer.byteLength(value);
    const at = this.#room(length + 1);
    this.#bytes.write(value, at, 'utf8');
    this.#bytes[at + length] = 0;
    return this;
  }

  /** A zero-terminated string, one byte for each character (see `ByteString`). */
  name(value: string): this {
    const at = this.#room(value.length + 1);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code === 0 || code > 0xff) throw unsendable('A zero byte or a character above U+00FF');
      this.#bytes[at + i] = code;
    }
    this.#bytes[at + value.length] = 0;
    return this;
  }

  /** The whole message. */
  end(): Buffer {
    const lengthAt = this.#type === undefined ? 0 : 1;
    if (this.#type !== undefined) this.#bytes[0] = this.#type;
    if (this.#at > LIMITS.messageBytes + 5) {
      throw new GwError('limit', `A message of ${this.#at} bytes is too large for PostgreSQL.`);
    }
    this.#bytes.writeInt32BE(this.#at - lengthAt, lengthAt);
    return this.#bytes.subarray(0, this.#at);
  }

  #room(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#at, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }
}

const unsendable = (what: string): GwError =>
  new GwError('protocol_violation', `${what} cannot stand inside a string of the PostgreSQL protocol.`);

/** A message without a body. A new buffer each time. */
export const emptyMessage = (type: number): Buffer => Buffer.from([type, 0, 0, 0, 4]);
