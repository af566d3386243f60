import { fault } from './errors.ts';
import { CODE } from './frames.ts';
import { decodeHuffman } from './hpack-huffman.ts';
import { STATIC_TABLE } from './hpack-static.ts';
import { H2_LIMITS } from './limits.ts';

export type Field = readonly [name: string, value: string];

/** Overhead of an entry, in the dynamic table and in the header list size (RFC 7541, 4.1; RFC 9113, 6.5.2). */
const FIELD_OVERHEAD_BYTES = 32;
/** Larger than any length or index within our limits, small enough for 32-bit arithmetic. */
const MAX_INTEGER = 0x0fff_ffff;

const fieldBytes = ([name, value]: Field): number => name.length + value.length + FIELD_OVERHEAD_BYTES;

const broken = (message: string): never => fault(CODE.COMPRESSION_ERROR, message);

/**
 * RFC 7541. The dynamic table is shared state of the connection: every block must be decoded, also one whose
 * stream is gone, and a block that cannot be decoded ends the connection.
 */
export class HpackDecoder {
  readonly #settingBytes: number;
  /** Oldest first. */
  readonly #entries: Field[] = [];
  #tableBytes = 0;
  #maxTableBytes: number;

  #source: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** @param settingBytes what we announced as SETTINGS_HEADER_TABLE_SIZE. */
  constructor(settingBytes: number = H2_LIMITS.headerTableBytes) {
    this.#settingBytes = settingBytes;
    this.#maxTableBytes = settingBytes;
  }

  /**
   * Decodes a complete block.
   * @returns its fields in order; undefined when they exceed the limits (the table is up to date anyway).
   * @throws ConnectionFault COMPRESSION_ERROR
   */
  decode(block: Buffer): Field[] | undefined {
    this.#source = block;
    this.#at = 0;
    this.#end = block.length;
    const fields: Field[] = [];
    let listBytes = 0;
    let begun = false;
    while (this.#at < this.#end) {
      const first = block[this.#at]!;
      if ((first & 0xe0) === 0x20) {
        if (begun) broken('A header table size update is not at the beginning of its block.');
        this.#resize(this.#integer(5));
        continue;
      }
      begun = true;
      const field = this.#field(first);
      listBytes += fieldBytes(field);
      if (listBytes <= H2_LIMITS.headerListBytes && fields.length <= H2_LIMITS.headerFields) {
        fields.push(field);
      }
    }
    const fits = listBytes <= H2_LIMITS.headerListBytes && fields.length <= H2_LIMITS.headerFields;
    return fits ? fields : undefined;
  }

  #field(first: number): Field {
    if (first & 0x80) return this.#entry(this.#integer(7));
    const indexed = (first & 0x40) !== 0;
    const index = this.#integer(indexed ? 6 : 4);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    const field: Field = [name, this.#string()];
    if (indexed) this.#add(field);
    return field;
  }

  #entry(index: number): Field {
    const found =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#entries[this.#entries.length - (index - STATIC_TABLE.length)];
    return found ?? broken(`Header table index ${index} does not exist.`);
  }

  #add(field: Field): void {
    const bytes = fieldBytes(field);
    this.#evict(this.#maxTableBytes - bytes);
    if (bytes > this.#maxTableBytes) return;
    this.#entries.push(field);
    this.#tableBytes += bytes;
  }

  #resize(bytes: number): void {
    if (bytes > this.#settingBytes) broken('A header table size update exceeds SETTINGS_HEADER_TABLE_SIZE.');
    this.#maxTableBytes = bytes;
    this.#evict(bytes);
  }

  #evict(bytes: number): void {
    while (this.#tableBytes > bytes && this.#entries.length > 0) {
      this.#tableBytes -= fieldBytes(this.#entries.shift()!);
    }
  }

  /** RFC 7541, 5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      if (shift > 21) broken('An integer in a header block is too large.');
      value += (byte & 0x7f) << shift;
      if (value > MAX_INTEGER) broken('An integer in a header block is too large.');
      if ((byte & 0x80) === 0) return value;
    }
  }

  /** RFC 7541, 5.2. Header bytes are text of one byte each. */
  #string(): string {
    const huffman = this.#at < this.#end && (this.#source[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length > this.#end - start) broken('A header string is longer than its block.');
    this.#at = start + length;
    return huffman
      ? decodeHuffman(this.#source, start, this.#at)
      : this.#source.toString('latin1', start, this.#at);
  }

  #byte(): number {
    if (this.#at >= this.#end) broken('A header block ends within a field.');
    return this.#source[this.#at++]!;
  }
}
