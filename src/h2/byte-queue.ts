import { giveBlock, LARGE_BLOCK_BYTES, takeBlock } from './block-pool.ts';

/**
 * Bytes in order, copied in, taken out in place. Small pieces share a block, so that many tiny writes do
 * not become many buffers; an empty queue keeps no memory. With `pooled` large blocks come from the pool; what
 * `peek` returned must then not be looked at after `shift`.
 */

const FIRST_BLOCK_BYTES = 1024;
const BLOCK_BYTES = 16 * 1024;
const EMPTY = Buffer.alloc(0);

export class ByteQueue {
  readonly #pooled: boolean;
  size = 0;
  #blocks: Buffer[] = [];
  /** Read position in the first block, write position in the last. */
  #head = 0;
  #tail = 0;

  constructor(pooled: boolean) {
    this.#pooled = pooled;
  }

  push(source: Uint8Array, start = 0, end = source.length): void {
    for (let at = start; at < end; ) {
      if (this.#blocks.length === 0 || this.#tail === this.#blocks.at(-1)!.length) this.#extend(end - at);
      const block = this.#blocks.at(-1)!;
      const n = Math.min(block.length - this.#tail, end - at);
      block.set(n === source.length ? source : source.subarray(at, at + n), this.#tail);
      this.#tail += n;
      this.size += n;
      at += n;
    }
  }

  /** The next contiguous bytes, at most `limit`. Empty when the queue is. */
  peek(limit: number): Buffer {
    const first = this.#blocks[0];
    if (first === undefined) return EMPTY;
    const end = this.#blocks.length === 1 ? this.#tail : first.length;
    return first.subarray(this.#head, Math.min(end, this.#head + limit));
  }

  /** Drops `n` bytes of what `peek` returned. */
  shift(n: number): void {
    this.size -= n;
    this.#head += n;
    if (this.size === 0) this.clear();
    else if (this.#head === this.#blocks[0]!.length) {
      this.#release(this.#blocks.shift()!);
      this.#head = 0;
    }
  }

  clear(): void {
    for (const block of this.#blocks) this.#release(block);
    this.size = 0;
    this.#blocks = [];
    this.#head = 0;
    this.#tail = 0;
  }

  #extend(bytes: number): void {
    if (this.#pooled && bytes > BLOCK_BYTES) this.#blocks.push(takeBlock());
    else {
      const usual = this.#blocks.length === 0 ? FIRST_BLOCK_BYTES : BLOCK_BYTES;
      this.#blocks.push(Buffer.allocUnsafeSlow(Math.max(bytes, usual)));
    }
    this.#tail = 0;
  }

  #release(block: Buffer): void {
    if (this.#pooled && block.length === LARGE_BLOCK_BYTES) giveBlock(block);
  }
}
