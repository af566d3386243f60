import type { Channel } from '../core/channel.ts';

/** What carries the bytes: a TLS socket, or anything in memory. */
export interface H2Transport {
  /**
   * Takes the chunk over. Must not call back into the connection.
   * @param released to be called when the chunk is not needed any more, as the callback of a socket's write;
   * its memory is then used again. A transport that does not call it costs only that.
   * @returns false when nothing more should be written until the owner calls `drained()`.
   */
  write(chunk: Buffer, released?: () => void): boolean;
  /** Sends what was written, then closes. Called at most once; `error` is why, unless it was asked for. */
  close(error: Error | undefined): void;
}

/** Header fields by lower-case name, pseudo-header fields included. Has no prototype when received. */
export type Headers = Readonly<Record<string, string>>;

/**
 * One CONNECT stream. As a Channel it never calls a handler from inside one of its own methods. Bytes that
 * arrive before `start` or while paused are kept, at most one stream window of them.
 */
export interface H2Stream extends Channel {
  readonly id: number;
  /**
   * Server: sends the response headers; exactly once, and before any `write`. With a status other than 2xx
   * the stream carries only our answer: what the client sends is dropped, and `end` closes the stream.
   */
  respond(status: number, headers?: Headers): void;
}

export type Response = (status: number, headers: Headers) => void;

export interface H2Options {
  /** Streams the peer may have open at once (server), streams we open at once (client). */
  readonly maxStreams?: number;
  /** Receive window of each stream at first, 65,535 to 2^31-1 bytes. */
  readonly initialWindowBytes?: number;
  /** What a stream's window may grow to where the peer is far away; no growth if it is not larger. */
  readonly maxWindowBytes?: number;
  /** Receive window of the whole connection, at least that of a stream. */
  readonly connectionWindowBytes?: number;
  /** Monotonic milliseconds; for the allowances against floods and for sizing windows. */
  readonly now: () => number;
  /**
   * Runs `turn` soon, never at once; called once per turn that has something to do, first in the constructor.
   * `activeStreams` helps to choose: nextTick for one, setImmediate for several, so that they share a write.
   */
  readonly schedule: (turn: () => void, activeStreams: number) => void;
  /** Server: a CONNECT arrived. `start` may be called at once or later. */
  readonly onStream?: (stream: H2Stream, headers: Headers) => void;
  /** The peer takes no new streams on this connection; those that exist go on. */
  readonly onGoaway?: (code: number) => void;
  /** The peer answered the latest `ping()`. */
  readonly onPong?: () => void;
  /** After GOAWAY, in either direction, the last stream is gone: the owner may `destroy()`. Called once. */
  readonly onIdle?: () => void;
  /** The connection is over; called once, after every stream's `close`. No error when it was asked for. */
  readonly onClose: (error: Error | undefined) => void;
}
