/** The part of stdout and stderr that output needs; tests hand in their own. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  getColorDepth?(env?: NodeJS.ProcessEnv): number;
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** A stream whose reader may go away at any time, as in `gw ls | head -1`: then writing is quietly over. */
export interface SafeWriter {
  readonly closed: boolean;
  write(chunk: string | Uint8Array): void;
  /** Resolves when the stream can take more; false once it is closed. */
  writeAndWait(chunk: string | Uint8Array): Promise<boolean>;
}

const GONE = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'EIO']);

export function safeWriter(stream: TextStream): SafeWriter {
  let closed = false;
  const waiting = new Set<() => void>();
  stream.on('error', (error) => {
    if (!GONE.has(error.code ?? '')) throw error;
    closed = true;
    for (const wake of waiting) wake();
  });
  const write = (chunk: string | Uint8Array): boolean => closed || stream.write(chunk);
  return {
    get closed() {
      return closed;
    },
    write,
    writeAndWait(chunk) {
      if (write(chunk)) return Promise.resolve(!closed);
      return new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          stream.off('drain', wake);
          resolve(!closed);
        };
        waiting.add(wake);
        stream.once('drain', wake);
      });
    },
  };
}
