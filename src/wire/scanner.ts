/**
 * Finds the messages in a byte stream without touching the bytes: a state machine over the five-byte
 * headers (type, int32 length; manual 55.7) that allocates nothing for a message that is only passed on.
 *
 * Each chunk is divided, in order and without gaps, into the ranges [start, end) of the events `rest`,
 * `passing` and `message`, then an undecided tail: the offset where it begins is what `scan` returns.
 * The tail (part of a header, or of a body being collected) is copied by the scanner and comes back
 * as `held` of the event it belongs to. A relay therefore forwards like this, and cannot leak a byte:
 *
 *   forward a message   write `held` (unless empty); its range goes out with its neighbours
 *   drop a message      write what precedes `start`, go on at `end`; `held` is dropped by not being written
 *   replace a message   drop it, then write the replacement
 *   after scan          write up to the returned offset, never beyond
 *
 * A message that ends in a later chunk goes on there as one `rest`; who dropped its beginning drops that.
 * Once scan threw, or a handler did, the scanner must not be used again.
 */
import { GwError } from '../core/errors.ts';
import { printType } from './types.ts';

export interface ScanHandler {
  /**
   * A message whose body is collected: all of it, or, if its type is partial, the first bytes.
   * @param body  the collected bytes, without type and length. Valid only during the call
   * @param start offset of the message's first byte in this chunk; 0 if it began in an earlier one
   * @param end   offset after the message's last byte in this chunk
   * @param held  the message's bytes from earlier chunks (header included), not yet forwarded by
   *              anyone; empty if it began in this chunk. Valid only during the call
   * @param length of the whole body; larger than body.length only for a partial type
   */
  message(type: number, body: Buffer, start: number, end: number, held: Buffer, length: number): void;
  /** The header of a message that is not collected. Parameters as above. */
  passing(type: number, length: number, start: number, end: number, held: Buffer): void;
  /** More of the message announced last by `passing` or partial `message`; start is always 0. */
  rest(type: number, start: number, end: number): void;
}

export interface ScanOptions {
  /** Who sends these bytes, for error messages: `the client`. */
  readonly peer: string;
  readonly isKnownType: (type: number) => boolean;
  /** A body longer than this is a protocol violation. */
  readonly maxMessageBytes: number;
  /** -1: pass on without looking; otherwise collect, at most this many bytes (a longer body is a `limit` error). */
  readonly bodyLimit: (type: number) => number;
  /** True: `message` comes as soon as min(length, bodyLimit) bytes are there, and what follows passes as `rest`. */
  readonly partial?: (type: number) => boolean;
}

/** Options compiled to tables; made once, shared by all scanners of one direction. */
export interface ScanRules {
  readonly peer: string;
  readonly maxMessageBytes: number;
  readonly limits: Int32Array;
  readonly partial: Uint8Array;
}

const HEADER_BYTES = 5;
const PASS = -1;
const UNKNOWN = -2;
const FIRST_HELD_BYTES = 1024;
const NOTHING = Buffer.alloc(0);

export function scanRules(options: ScanOptions): ScanRules {
  const limits = new Int32Array(256);
  const partial = new Uint8Array(256);
  for (let type = 0; type < 256; type++) {
    const limit = options.bodyLimit(type);
    limits[type] = options.isKnownType(type) ? Math.max(PASS, limit) : UNKNOWN;
    partial[type] = limit >= 0 && options.partial?.(type) ? 1 : 0;
  }
  return { peer: options.peer, maxMessageBytes: options.maxMessageBytes, limits, partial };
}

export class MessageScanner {
  readonly #rules: ScanRules;
  /** Type and remaining bytes of the message that is passing. */
  #type = 0;
  #remaining = 0;
  /** The undecided bytes of earlier chunks, from the first byte of a header on. */
  #held = NOTHING;
  #heldBytes = 0;
  #stopped = false;

  constructor(rules: ScanRules) {
    this.#rules = rules;
  }

  /** True when the next byte begins a message. */
  get atBoundary(): boolean {
    return this.#heldBytes === 0 && this.#remaining === 0;
  }

  /**
   * From a handler: lets `scan` return after this event with its `end`. Nothing behind it was looked at;
   * hand the rest of the chunk to `scan` (this scanner's or another's) when it is time.
   */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Reports the messages in `chunk`.
   * @returns the offset after the last reported range: what follows is held here, or unread after `stop`
   * @throws GwError `protocol_violation` or `limit`; what was reported before stands
   */
  scan(chunk: Buffer, handler: ScanHandler): number {
    const { limits, maxMessageBytes } = this.#rules;
    const size = chunk.length;
    this.#stopped = false;
    let at = this.atBoundary ? 0 : this.#resume(chunk, handler);
    while (at + HEADER_BYTES <= size && !this.#stopped) {
      const type = chunk[at]!;
      const length = int32(chunk, at + 1) - 4;
      if (limits[type] !== PASS || length < 0 || length > maxMessageBytes) {
        const end = this.#collect(chunk, at, type, length, handler);
        if (end < 0) return at;
        at = end;
        continue;
      }
      const next = at + HEADER_BYTES + length;
      if (next > size) {
        this.#type = type;
        this.#remaining = next - size;
        handler.passing(type, length, at, size, NOTHING);
        return size;
      }
      handler.passing(type, length, at, next, NOTHING);
      at = next;
    }
    if (at < size && !this.#stopped) this.#hold(chunk, at, size, HEADER_BYTES);
    return at;
  }

  /** A message that begins and whose header ends in this chunk. Returns its end, or -1 when it is now held. */
  #collect(chunk: Buffer, at: number, type: number, length: number, handler: ScanHandler): number {
    const wanted = this.#check(type, length);
    const from = at + HEADER_BYTES;
    if (from + wanted > chunk.length) {
      this.#hold(chunk, at, chunk.length, HEADER_BYTES + wanted);
      return -1;
    }
    const end = this.#pass(type, from + length, chunk.length);
    const body = wanted === 0 ? NOTHING : chunk.subarray(from, from + wanted);
    handler.message(type, body, at, end, NOTHING, length);
    return end;
  }

  /** What an earlier chunk began. Returns where the next message begins, or 0 with everything held. */
  #resume(chunk: Buffer, handler: ScanHandler): number {
    if (this.#remaining > 0) {
      const end = this.#pass(this.#type, this.#remaining, chunk.length);
      if (end > 0) handler.rest(this.#type, 0, end);
      return end;
    }
    const before = this.#heldBytes;
    const missing = Math.max(0, HEADER_BYTES - before);
    if (missing > 0) this.#hold(chunk, 0, Math.min(missing, chunk.length), HEADER_BYTES);
    if (this.#heldBytes < HEADER_BYTES) return this.#undecided();
    return this.#finish(chunk, before, missing, handler);
  }

  /** The header is complete: `before` bytes of the message came earlier, `from` header bytes now. */
  #finish(chunk: Buffer, before: number, from: number, handler: ScanHandler): number {
    const type = this.#held[0]!;
    const length = int32(this.#held, 1) - 4;
    const wanted = this.#check(type, length);
    const bodyBefore = Math.max(0, before - HEADER_BYTES);
    const until = from + Math.max(0, wanted) - bodyBefore;
    if (until > chunk.length) {
      this.#hold(chunk, from, chunk.length, HEADER_BYTES + wanted);
      return this.#undecided();
    }
    if (bodyBefore > 0) this.#hold(chunk, 0, until, HEADER_BYTES + wanted);
    const all = this.#held;
    this.#held = NOTHING;
    this.#heldBytes = 0;
    const end = this.#pass(type, from + length - bodyBefore, chunk.length);
    const held = all.subarray(0, before);
    if (wanted === PASS) {
      handler.passing(type, length, 0, end, held);
      return end;
    }
    const body =
      bodyBefore > 0 ? all.subarray(HEADER_BYTES, HEADER_BYTES + wanted) : chunk.subarray(from, until);
    handler.message(type, body, 0, end, held, length);
    return end;
  }

  /** Notes how much of a message that ends at offset `end` lies beyond `size`. Returns its end in this chunk. */
  #pass(type: number, end: number, size: number): number {
    this.#type = type;
    this.#remaining = Math.max(0, end - size);
    return Math.min(end, size);
  }

  /** All of this chunk is held: lets `scan` return 0 at once. */
  #undecided(): number {
    this.#stopped = true;
    return 0;
  }

  /** Appends chunk[from, to) to the held bytes; they grow by doubling and never beyond `most`. */
  #hold(chunk: Buffer, from: number, to: number, most: number): void {
    const bytes = this.#heldBytes + to - from;
    if (bytes > this.#held.length) {
      const room = Math.min(most, Math.max(bytes, 2 * this.#held.length, FIRST_HELD_BYTES));
      const larger = Buffer.allocUnsafe(room);
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes, from, to);
    this.#heldBytes = bytes;
  }

  /** Returns how many bytes of the body to collect, or PASS. */
  #check(type: number, length: number): number {
    const { limits, partial, maxMessageBytes } = this.#rules;
    const limit = limits[type]!;
    if (limit === UNKNOWN || length < 0 || length > maxMessageBytes) throw this.#violation(type, length);
    if (limit === PASS) return PASS;
    if (length <= limit) return length;
    if (partial[type] === 1) return limit;
    throw new GwError('limit', `Message too long: ${this.#describe(type, length)}.`, {
      detail: `The gateway reads messages of this type whole, up to length ${limit + 4}.`,
    });
  }

  #violation(type: number, length: number): GwError {
    const { limits, maxMessageBytes } = this.#rules;
    if (limits[type] === UNKNOWN) {
      return new GwError('protocol_violation', `Unknown message type: ${this.#describe(type, length)}.`);
    }
    return new GwError('protocol_violation', `Invalid message length: ${this.#describe(type, length)}.`, {
      detail: `A length counts its own four bytes and is at most ${maxMessageBytes + 4}.`,
    });
  }

  #describe(type: number, length: number): string {
    return `${this.#rules.peer} sent a message of type ${printType(type)} with length ${(length + 4) | 0}`;
  }
}

const int32 = (bytes: Buffer, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
