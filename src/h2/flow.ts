/**
 * One receive window (RFC 9113, 5.2). What arrives is taken from it, what the owner consumed is given back
 * in batches of half the window, so that updates are rare and the sender never runs dry at full speed.
 */
export class ReceiveWindow {
  readonly #batch: number;
  #available: number;
  #consumed = 0;

  constructor(bytes: number) {
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

  /** Re-opens the window by what was consumed. Returns the increment to send. */
  reopen(): number {
    const bytes = this.#consumed;
    this.#consumed = 0;
    this.#available += bytes;
    return bytes;
  }
}
