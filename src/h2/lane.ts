import { giverOf, LARGE_BLOCK_BYTES, takeBlock } from './block-pool.ts';
import { FLAG, FRAME, HEADER_BYTES, writeHeader } from './frames.ts';
import type { H2Transport } from './types.ts';

/**
 * An output buffer in which frames of one turn lie one behind the other, to leave in one write. What was taken
 * belongs to the transport; the rest of the block is used for the next turn. Adjacent DATA of one stream is
 * merged into one frame. `headroom` bytes are kept free before each turn's bytes, so that something short can be
 * put in front without copying what is long.
 */

const SMALL_BLOCK_BYTES = 16 * 1024;
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

  /** Puts `front`, which is empty then, before this turn's bytes if it fits into the headroom. */
  prepend(front: Lane): boolean {
    const n = front.size;
    if (this.size === 0 || n > this.#headroom) return false;
    this.#block.set(front.#block.subarray(front.#start, front.#end), this.#start - n);
    this.#start -= n;
    front.#end = front.#start;
    front.#lastData = -1;
    return true;
  }

  /** Hands this turn's bytes to the transport. What is left of a small block serves the next turn. */
  send(transport: H2Transport): boolean {
    const block = this.#block;
    const bytes = block.subarray(this.#start, this.#end);
    this.#lastData = -1;
    this.#start = this.#end + this.#headroom;
    if (block.length >= LARGE_BLOCK_BYTES || this.#start + SMALL_BLOCK_BYTES / 8 > block.length) {
      this.#block = EMPTY;
      this.#start = 0;
    }
    this.#end = this.#start;
    return block.length === LARGE_BLOCK_BYTES
      ? transport.write(bytes, giverOf(block))
      : transport.write(bytes);
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
    const block = newBlock(needed, (used + bytes) * 2 < SMALL_BLOCK_BYTES);
    block.set(this.#block.subarray(this.#start, this.#end), this.#headroom);
    if (this.#lastData >= 0) this.#lastData += this.#headroom - this.#start;
    this.#block = block;
    this.#start = this.#headroom;
    this.#end = this.#headroom + used;
  }
}

function newBlock(needed: number, small: boolean): Buffer {
  if (small && needed <= SMALL_BLOCK_BYTES) return Buffer.allocUnsafeSlow(SMALL_BLOCK_BYTES);
  return needed <= LARGE_BLOCK_BYTES ? takeBlock() : Buffer.allocUnsafeSlow(needed);
}
