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

  /** Makes the window larger. Returns the increment to send. */
  grow(bytes: number): number {
    const more = bytes - this.#bytes;
    this.#bytes = bytes;
    this.#batch = bytes >>> 1;
    this.#available += more;
    return more;
  }

  /** Notes bytes that are done with. */
  consume(bytes: number): void {
    this.#consumed += bytes;
  }

  get due(): boolean {
    return this.#consumed >= this.#batch;
  }

  /** Re-opens the window by what was consumed. Returns the increment to send. */
  reopen(): number {
    const bytes = this.#consumed;
    this.#consumed = 0;
    this.#available += bytes;
    return bytes;
  }
}
