/**
 * One receive window (RFC 9113, 5.2). What arrives is taken from it, what the owner consumed is given back
 * in batches of half the window, so that updates are rare and the sender never runs dry at full speed.
 */
export class ReceiveWindow {
  #batch: number;
  #bytes: number;
  #available: number;
  #consumed = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#batch = bytes >>> 1;
    this.#available = bytes;
  }

  /** Takes arrived bytes; false when the peer sent more than it may. */
  take(bytes: number): boolean {
    this.#available -= bytes;
    return this.#available >= 0;
  }

  /** Notes bytes that are done with. */
  consume(bytes: number): void {
    this.#consumed += bytes;
  }

  get due(): boolean {
    return this.#consumed >= this.#batch;
  }

  /** More than half of it has arrived and is not consumed. */
  get isCrowded(): boolean {
    return (this.#bytes - this.#available - this.#consumed) * 2 > this.#bytes;
  }

  /**
   * Re-opens the window by what was consumed, and changes its size to `bytes`; it shrinks no faster than data
   * is consumed, as an increment cannot be taken back. Returns the increment to send, perhaps 0.
   */
  reopen(bytes = this.#bytes): number {
    const increment = Math.max(0, this.#consumed + bytes - this.#bytes);
    this.#bytes += increment - this.#consumed;
    this.#batch = this.#bytes >>> 1;
    this.#available += increment;
    this.#consumed = 0;
    return increment;
  }
}
