import { FLAG, FRAME, HEADER_BYTES, writeHeader } from './frames.ts';

/**
 * An output buffer in which frames of one turn lie one behind the other, to leave in one write. What was taken
 * belongs to the transport; the rest of the block is used for the next turn. Adjacent DATA of one stream is
 * merged into one frame. `headroom` bytes are kept free before each turn's bytes, so that something short can be
 * put in front without copying what is long.
 */

const SMALL_BLOCK_BYTES = 16 * 1024;
const LARGE_BLOCK_BYTES = 80 * 1024;
const EMPTY = Buffer.alloc(0);

export class Lane {
  readonly #headroom: number;
  #block: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Where the last frame begins if it is DATA that may still grow, else -1. */
  #lastData = -1;
  #lastStream = 0;

  constructor(headroom: number) {
    this.#headroom = headroom;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  /** Appends DATA; `maxFrameBytes` limits what may be merged, the caller has split the rest. */
  data(streamId: number, source: Uint8Array, maxFrameBytes: number): void {
    const length = source.length;
    this.#reserve(HEADER_BYTES + length);
    const before = this.#lastStream === streamId && this.#lastData >= 0 ? this.#lastLength() : -1;
    if (before >= 0 && before + length <= maxFrameBytes) {
      this.#setLastLength(before + length);
    } else {
      this.#lastData = this.#end;
      this.#lastStream = streamId;
      writeHeader(this.#block, this.#end, length, FRAME.DATA, 0, streamId);
      this.#end += HEADER_BYTES;
    }
    this.#block.set(source, this.#end);
    this.#end += length;
  }

  /** Ends a stream: on its last DATA frame if that is the last of this lane, else with an empty one. */
  endStream(streamId: number): void {
    if (this.#lastStream === streamId && this.#lastData >= 0) {
      this.#block[this.#lastData + 4] = FLAG.END_STREAM;
      this.#lastData = -1;
      return;
    }
    this.#reserve(HEADER_BYTES);
    writeHeader(this.#block, this.#end, 0, FRAME.DATA, FLAG.END_STREAM, streamId);
    this.#end += HEADER_BYTES;
    this.#lastData = -1;
  }

  /** Appends a complete frame. */
  frame(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#block.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#lastData = -1;
  }

  /** Puts `front` before this turn's bytes if it fits into the headroom. */
  prepend(front: Lane): boolean {
    const n = front.size;
    if (this.size === 0 || n > this.#headroom) return false;
    this.#block.set(front.take(), this.#start - n);
    this.#start -= n;
    return true;
  }

  /** This turn's bytes; they are not touched again. */
  take(): Buffer {
    const bytes = this.#block.subarray(this.#start, this.#end);
    this.#lastData = -1;
    this.#start = this.#end + this.#headroom;
    if (this.#start + SMALL_BLOCK_BYTES / 8 > this.#block.length) {
      this.#block = EMPTY;
      this.#start = 0;
    }
    this.#end = this.#start;
    return bytes;
  }

  #lastLength(): number {
    const at = this.#lastData;
    return (this.#block[at]! << 16) | (this.#block[at + 1]! << 8) | this.#block[at + 2]!;
  }

  #setLastLength(length: number): void {
    const at = this.#lastData;
    this.#block[at] = length >>> 16;
    this.#block[at + 1] = length >>> 8;
    this.#block[at + 2] = length;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#block.length) return;
    const used = this.size;
    const needed = this.#headroom + used + bytes;
    const usual = (used + bytes) * 2 < SMALL_BLOCK_BYTES ? SMALL_BLOCK_BYTES : LARGE_BLOCK_BYTES;
    const block = Buffer.allocUnsafeSlow(Math.max(needed, usual));
    block.set(this.#block.subarray(this.#start, this.#end), this.#headroom);
    if (this.#lastData >= 0) this.#lastData += this.#headroom - this.#start;
    this.#block = block;
    this.#start = this.#headroom;
    this.#end = this.#headroom + used;
  }
}
