import { fault } from './errors.ts';
import { CODE } from './frames.ts';
import { H2_LIMITS } from './limits.ts';
import type { Stream } from './stream.ts';

export type Role = 'client' | 'server';

/**
 * The streams of a connection and the identifiers used so far (RFC 9113, 5.1 and 5.1.1). Only clients open
 * streams, as push is off, so every valid identifier is odd.
 */
export class StreamTable {
  readonly streams = new Map<number, Stream>();
  /** The highest identifier a client used. */
  lastId = 0;
  readonly #recentResets = new Set<number>();
  /** The last stream looked up: bulk data comes in runs. */
  #found: Stream | undefined = undefined;

  get(id: number): Stream | undefined {
    if (this.#found !== undefined && this.#found.id === id) return this.#found;
    this.#found = this.streams.get(id);
    return this.#found;
  }

  add(stream: Stream): void {
    this.streams.set(stream.id, stream);
    this.lastId = stream.id;
  }

  delete(stream: Stream): void {
    stream.gone = true;
    this.streams.delete(stream.id);
    if (this.#found === stream) this.#found = undefined;
  }

  /** Late frames of this stream are no violation: the peer could not know yet. */
  rememberReset(id: number): void {
    if (this.#recentResets.size >= H2_LIMITS.recentResets) {
      for (const oldest of this.#recentResets) {
        this.#recentResets.delete(oldest);
        break;
      }
    }
    this.#recentResets.add(id);
  }

  wasReset(id: number): boolean {
    return this.#recentResets.has(id);
  }

  /** A stream nobody opened must not be mentioned (5.1, idle). */
  rejectIdle(id: number): void {
    if (id > this.lastId || (id & 1) === 0)
      fault(CODE.PROTOCOL_ERROR, 'A frame for a stream that was never opened.');
  }

  /** For frames a closed stream must not get: allows those that crossed our reset. */
  rejectClosed(id: number): void {
    this.rejectIdle(id);
    if (!this.wasReset(id)) fault(CODE.STREAM_CLOSED, 'A frame for a stream that has ended.');
  }
}
