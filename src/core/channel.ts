/**
 * A two-way byte stream with back-pressure: a TCP or TLS socket, or one HTTP/2 stream. The relay and the
 * tunnel are written against this, so that neither knows what carries the bytes.
 */
export interface Channel {
  /** Begins delivery. Called once; until then nothing is read. */
  start(handlers: ChannelHandlers): void;
  /**
   * Sends bytes. Copies what it has to keep, so the caller may reuse the buffer at once.
   * @returns false when the caller should stop until `drain`; the bytes are accepted either way.
   */
  write(chunk: Uint8Array): boolean;
  /** Stops delivery (the peer feels it as back-pressure); `resume` goes on. */
  pause(): void;
  resume(): void;
  /** Sends what is buffered, then the end of our direction. */
  end(): void;
  /** Drops the connection at once, both directions. Safe to call at any time, any number of times. */
  destroy(): void;
}

export interface ChannelHandlers {
  /** Bytes that arrived. The buffer is valid only during the call. */
  data(chunk: Buffer): void;
  /** The send buffer has room again after `write` returned false. */
  drain(): void;
  /** The peer ended its direction. */
  end(): void;
  /** Closed, both directions; called exactly once and last. `error` is set unless it closed cleanly. */
  close(error: Error | undefined): void;
}
