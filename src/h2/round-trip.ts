import { pingFrame } from './control-frames.ts';
import { H2_LIMITS } from './limits.ts';

/** Payload of the PINGs that measure. */
const PAYLOAD = Buffer.alloc(8, 'gw-trip');

/**
 * How far away the peer is, at best, as the last few PINGs say; and how large a stream's window should be for
 * that. A window that is larger than the path needs is a queue: bulk data would fill it, and everything else
 * on the connection would wait behind.
 */
export class RoundTrip {
  readonly #now: () => number;
  #sentAtMs: number | undefined = undefined;
  #dueAtMs = 0;
  readonly #samplesMs: number[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A PING to send, if it is time to measure again. */
  probe(): Buffer | undefined {
    const now = this.#now();
    if (this.#sentAtMs !== undefined || now < this.#dueAtMs) return undefined;
    this.#sentAtMs = now;
    this.#dueAtMs = now + H2_LIMITS.probeIntervalMs;
    return pingFrame(0, PAYLOAD);
  }

  /** An answer came: was it to a PING of ours that waits for one? */
  answered(payload: Buffer): boolean {
    if (this.#sentAtMs === undefined || !payload.equals(PAYLOAD)) return false;
    if (this.#samplesMs.length >= H2_LIMITS.probesKept) this.#samplesMs.shift();
    this.#samplesMs.push(this.#now() - this.#sentAtMs);
    this.#sentAtMs = undefined;
    return true;
  }

  /** Twice what fits into one round trip, as windows open again in halves; within the limits given. */
  windowBytes(least: number, most: number): number {
    if (this.#samplesMs.length === 0) return least;
    const bytes = 2 * Math.min(...this.#samplesMs) * H2_LIMITS.pathBytesPerMs;
    return Math.max(least, Math.min(most, Math.round(bytes)));
  }
}
