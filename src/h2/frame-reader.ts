import { fault } from './errors.ts';
import { CODE, FLAG, FRAME, HEADER_BYTES, readUint31 } from './frames.ts';

/**
 * Splits a byte stream into frames over arbitrary chunks (RFC 9113, 4.1 and 6.1). DATA is passed on as it
 * comes, in pieces of the chunk, and never collected; other frames are handed over whole, from the chunk
 * itself where they lie in it, else from a buffer of the size the sink agreed to. Frames are read at most up to
 * that size, the rest is skipped.
 */
export interface FrameSink {
  /** A DATA frame begins; `length` counts its padding, as flow control does. */
  dataStart(streamId: number, flags: number, length: number): void;
  /** chunk[start, end) is payload of it. */
  dataPiece(chunk: Buffer, start: number, end: number): void;
  /** `padding` bytes (with the length byte) were no payload. */
  dataEnd(padding: number): void;
  /** Another frame begins: how many bytes of its payload to collect. Throws when it is not allowed here. */
  frameStart(type: number, flags: number, streamId: number, length: number): number;
  /** buffer[start, end) is the payload, or as much as was wanted of it. Valid only during the call. */
  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void;
}

const STATE = { header: 0, padLength: 1, data: 2, padding: 3, collect: 4, skip: 5 } as const;

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  /** What to read next, and how much of it is missing. */
  #state: number = STATE.header;
  #left = HEADER_BYTES;
  /** The frame at hand. */
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #padding = 0;
  /** A header or payload that began in an earlier chunk. */
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #body: Buffer | undefined;
  #wanted = 0;
  #stopped = false;

  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Reads no further, not even the rest of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
  }

  /** Throws what the sink throws, and FRAME_SIZE_ERROR or PROTOCOL_ERROR for a frame that cannot be. */
  read(chunk: Buffer, from: number): void {
    let at = from;
    const end = chunk.length;
    while (at < end && !this.#stopped) {
      if (this.#state === STATE.header) at = this.#readHeader(chunk, at, end);
      else if (this.#state === STATE.data) at = this.#readData(chunk, at, end);
      else at = this.#readOther(chunk, at, end);
    }
  }

  #readHeader(chunk: Buffer, at: number, end: number): number {
    if (this.#left === HEADER_BYTES && end - at >= HEADER_BYTES) {
      this.#begin(chunk, at);
      return at + HEADER_BYTES;
    }
    const n = Math.min(this.#left, end - at);
    chunk.copy(this.#header, HEADER_BYTES - this.#left, at, at + n);
    this.#left -= n;
    if (this.#left === 0) this.#begin(this.#header, 0);
    return at + n;
  }

  #begin(header: Buffer, at: number): void {
    const length = (header[at]! << 16) | (header[at + 1]! << 8) | header[at + 2]!;
    const type = header[at + 3]!;
    const flags = header[at + 4]!;
    const streamId = readUint31(header, at + 5);
    if (length > this.#maxFrameBytes)
      fault(CODE.FRAME_SIZE_ERROR, `A frame of ${length} bytes is too large.`);
    this.#length = length;
    this.#left = length;
    this.#type = type;
    this.#flags = flags;
    this.#streamId = streamId;
    if (type === FRAME.DATA) this.#beginData(flags, streamId, length);
    else this.#beginOther(type, flags, streamId, length);
  }

  #beginData(flags: number, streamId: number, length: number): void {
    if ((flags & FLAG.PADDED) !== 0 && length === 0) {
      fault(CODE.FRAME_SIZE_ERROR, 'A padded frame has no pad length.');
    }
    this.#padding = 0;
    this.#sink.dataStart(streamId, flags, length);
    if ((flags & FLAG.PADDED) !== 0) this.#state = STATE.padLength;
    else if (length > 0) this.#state = STATE.data;
    else this.#endData();
  }

  #readData(chunk: Buffer, at: number, end: number): number {
    const stop = this.#left < end - at ? at + this.#left : end;
    this.#left -= stop - at;
    this.#sink.dataPiece(chunk, at, stop);
    if (this.#left === 0) this.#endPayload();
    return stop;
  }

  #endPayload(): void {
    this.#left = Math.max(0, this.#padding - 1);
    if (this.#left > 0) this.#state = STATE.padding;
    else this.#endData();
  }

  #endData(): void {
    this.#next();
    this.#sink.dataEnd(this.#padding);
  }

  #beginOther(type: number, flags: number, streamId: number, length: number): void {
    this.#wanted = Math.min(length, this.#sink.frameStart(type, flags, streamId, length));
    this.#left = this.#wanted;
    this.#state = STATE.collect;
    if (this.#wanted === 0) this.#endCollect(EMPTY, 0);
  }

  #readOther(chunk: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case STATE.padLength:
        this.#readPadLength(chunk[at]!);
        return at + 1;
      case STATE.collect:
        return this.#collect(chunk, at, end);
      default: {
        const n = Math.min(this.#left, end - at);
        this.#left -= n;
        if (this.#left === 0) {
          if (this.#state === STATE.padding) this.#endData();
          else this.#next();
        }
        return at + n;
      }
    }
  }

  #readPadLength(padLength: number): void {
    if (padLength >= this.#length)
      fault(CODE.PROTOCOL_ERROR, 'The padding of a DATA frame exceeds the frame.');
    this.#padding = padLength + 1;
    this.#left = this.#length - this.#padding;
    this.#state = STATE.data;
    if (this.#left === 0) this.#endPayload();
  }

  #collect(chunk: Buffer, at: number, end: number): number {
    const n = Math.min(this.#left, end - at);
    if (n === this.#wanted) {
      this.#endCollect(chunk, at);
      return at + n;
    }
    this.#body ??= Buffer.allocUnsafe(this.#wanted);
    chunk.copy(this.#body, this.#wanted - this.#left, at, at + n);
    this.#left -= n;
    if (this.#left === 0) this.#endCollect(this.#body, 0);
    return at + n;
  }

  #endCollect(buffer: Buffer, start: number): void {
    this.#body = undefined;
    this.#left = this.#length - this.#wanted;
    if (this.#left > 0) this.#state = STATE.skip;
    else this.#next();
    this.#sink.frame(this.#type, this.#flags, this.#streamId, buffer, start, start + this.#wanted);
  }

  #next(): void {
    this.#state = STATE.header;
    this.#left = HEADER_BYTES;
  }
}

const EMPTY = Buffer.alloc(0);
