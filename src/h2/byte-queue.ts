/**
 * Bytes in order, copied in, taken out in place. Small pieces share a block, so that many tiny writes do
 * not become many buffers; an empty queue keeps no memory.
 */

const FIRST_BLOCK_BYTES = 1024;
const BLOCK_BYTES = 32 * 1024;

export class ByteQueue {
  size = 0;
  #blocks: Buffer[] = [];
  /** Read position in the first block, write position in the last. */
  #head = 0;
  #tail = 0;

  push(source: Uint8Array, start = 0, end = source.length): void {
    let at = start;
    this.size += end - start;
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#tail < last.length) {
      const n = Math.min(last.length - this.#tail, end - at);
      last.set(source.subarray(at, at + n), this.#tail);
      this.#tail += n;
      at += n;
    }
    if (at === end) return;
    const usual = last === undefined ? FIRST_BLOCK_BYTES : BLOCK_BYTES;
    const block = Buffer.allocUnsafeSlow(Math.max(end - at, usual));
    block.set(at === 0 && end === source.length ? source : source.subarray(at, end), 0);
    this.#blocks.push(block);
    this.#tail = end - at;
    if (this.#blocks.length === 1) this.#head = 0;
  }

  /** The next contiguous bytes, at most `limit`; valid until `shift` or `push`. Empty when the queue is. */
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
      this.#blocks.shift();
      this.#head = 0;
    }
  }

  /** Copies the next `n` bytes (no more than `size`) to `target` and drops them. */
  copyTo(target: Buffer, at: number, n: number): void {
    for (let done = 0; done < n; ) {
      const piece = this.peek(n - done);
      target.set(piece, at + done);
      done += piece.length;
      this.shift(piece.length);
    }
  }

  clear(): void {
    this.size = 0;
    this.#blocks = [];
    this.#head = 0;
    this.#tail = 0;
  }
}

const EMPTY = Buffer.alloc(0);
