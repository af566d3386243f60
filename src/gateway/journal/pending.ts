/**
 * Records that wait for the disk, one behind the other in one buffer. Two buffers take turns: one is being
 * written while the other fills. They grow as needed, up to what the caller allows, and shrink again.
 */

const START_BYTES = 64 * 1024;
/** A buffer above this is not kept once its batch is written. */
const KEEP_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface Batch {
  readonly buffer: Buffer;
  readonly length: number;
}

export class Pending {
  #filling: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  #spare: Buffer | undefined = Buffer.allocUnsafeSlow(START_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies the first `length` bytes of `line`, and a newline. */
  add(line: Buffer | string, length: number): void {
    const need = this.#length + (typeof line === 'string' ? length * 3 : length) + 1;
    if (need > this.#filling.length) this.#grow(need);
    if (typeof line === 'string') this.#length += this.#filling.write(line, this.#length);
    else this.#length += line.copy(this.#filling, this.#length, 0, length);
    this.#filling[this.#length++] = NEWLINE;
  }

  /** Everything that waits. The batch must come back by `done` or `failed` before the next is taken. */
  take(): Batch {
    const batch = { buffer: this.#filling, length: this.#length };
    this.#filling = this.#spare ?? Buffer.allocUnsafeSlow(START_BYTES);
    this.#spare = undefined;
    this.#length = 0;
    return batch;
  }

  /** The batch is written; its buffer is free again. */
  done(batch: Batch): void {
    this.#spare = batch.buffer.length <= KEEP_BYTES ? batch.buffer : undefined;
  }

  /** The batch could not be written: its records wait again, before those that came since. */
  failed(batch: Batch): void {
    const since = this.#filling.subarray(0, this.#length);
    const all = Buffer.allocUnsafeSlow(Math.max(START_BYTES, batch.length + since.length));
    batch.buffer.copy(all, 0, 0, batch.length);
    since.copy(all, batch.length);
    this.#spare = this.#filling.length <= KEEP_BYTES ? this.#filling : undefined;
    this.#filling = all;
    this.#length = batch.length + since.length;
  }

  #grow(need: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(need, this.#filling.length * 2));
    this.#filling.copy(larger, 0, 0, this.#length);
    this.#filling = larger;
  }
}
