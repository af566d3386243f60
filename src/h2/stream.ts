import type { ChannelHandlers } from '../core/channel.ts';
import { GwError } from '../core/errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { ReceiveWindow } from './flow.ts';
import { CODE } from './frames.ts';
import type { H2Stream, Headers, Response } from './types.ts';

/** What a stream needs of its connection. */
export interface StreamHost {
  send(stream: Stream, chunk: Uint8Array): boolean;
  sendEnd(stream: Stream): void;
  sendResponse(stream: Stream, status: number, headers: Headers): void;
  /** Sends RST_STREAM and forgets the stream. */
  reset(stream: Stream, code: number): void;
  /** Both directions ended: forgets the stream. */
  release(stream: Stream): void;
  /** Bytes of the connection's window are done with. */
  consumed(bytes: number): void;
  /** Re-opens the stream's receive window. */
  reopen(stream: Stream): void;
  /** Calls `attend` in the next turn. */
  attendLater(stream: Stream): void;
}

/**
 * One stream: its state, and the order of what its owner hears. Data comes straight from receive() as long as
 * the owner reads; data kept while paused, and `close`, come in a turn of their own, so that no handler is
 * ever called from inside write, end, pause, resume, start or destroy. Fields are for the connection and the sender;
 * owners see H2Stream.
 */
export class Stream implements H2Stream {
  readonly id: number;
  readonly #host: StreamHost;

  /** Sending: what the peer allows, what waits, and in which turn bytes went to the bulk lane. */
  sendWindow: number;
  pending: ByteQueue | undefined = undefined;
  wantsDrain = false;
  bulkTurn = -1;
  ending = false;
  localEnded = false;

  /** Headers went out (server) or came in (client). */
  answered = false;
  readonly onResponse: Response | undefined;
  /** The response was 2xx. */
  isTunnel = false;
  /** A server's refusal: nothing that comes in is of interest. */
  refused = false;

  readonly window: ReceiveWindow;
  #received: ByteQueue | undefined = undefined;
  #handlers: ChannelHandlers | undefined = undefined;
  #paused = false;
  remoteEnded = false;
  #endTold = false;

  /** The connection has forgotten it: no frames any more, in either direction. */
  gone = false;
  attending = false;
  #closing = false;
  #closeTold = false;
  #closeError: Error | undefined = undefined;

  constructor(
    id: number,
    host: StreamHost,
    sendWindow: number,
    receiveWindow: number,
    onResponse: Response | undefined,
  ) {
    this.id = id;
    this.#host = host;
    this.sendWindow = sendWindow;
    this.window = new ReceiveWindow(receiveWindow);
    this.onResponse = onResponse;
  }

  // --- for the owner

  start(handlers: ChannelHandlers): void {
    if (this.#handlers !== undefined) throw new GwError('bug', 'A stream was started twice.');
    this.#handlers = handlers;
    this.#attendIfDue();
  }

  respond(status: number, headers: Headers = {}): void {
    if (this.gone) return;
    if (this.answered) throw new GwError('bug', 'A stream was answered twice.');
    this.answered = true;
    this.#host.sendResponse(this, status, headers);
    if (status >= 200 && status < 300) return;
    this.refused = true;
    this.#discard();
  }

  write(chunk: Uint8Array): boolean {
    if (this.ending || this.gone) return true;
    return this.#host.send(this, chunk);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.window.due) this.#reopen();
    this.#attendIfDue();
  }

  end(): void {
    if (this.ending || this.gone) return;
    this.ending = true;
    this.#host.sendEnd(this);
  }

  destroy(): void {
    if (this.#closing) return;
    const answerDone = this.localEnded && this.onResponse === undefined;
    if (!this.gone) this.#host.reset(this, answerDone ? CODE.NO_ERROR : CODE.CANCEL);
    this.#close(undefined);
  }

  // --- for the connection

  /** Payload of DATA, within the window. */
  receive(chunk: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (this.gone || this.refused) {
      this.#consume(bytes);
    } else if (this.#flows() && this.#isEmpty()) {
      this.#consume(bytes);
      this.#handlers!.data(bytes === chunk.length ? chunk : chunk.subarray(start, end));
      if (this.window.due && !this.#paused) this.#reopen();
    } else {
      this.#received ??= new ByteQueue(false);
      this.#received.push(chunk, start, end);
    }
  }

  /** Padding, which is consumed at once. */
  receivePadding(bytes: number): void {
    this.#consume(bytes);
    if (this.window.due && !this.#paused) this.#reopen();
  }

  /** The peer ended its direction. */
  receiveEnd(): void {
    this.remoteEnded = true;
    if (this.localEnded && !this.gone) this.#host.release(this);
    this.#tellEnd();
  }

  /** END_STREAM of our direction is on its way. */
  sentEnd(): void {
    this.localEnded = true;
    if (this.refused && !this.remoteEnded) {
      this.#host.reset(this, CODE.NO_ERROR);
      this.#close(undefined);
      return;
    }
    if (this.remoteEnded && !this.gone) this.#host.release(this);
    if (this.refused || this.#endTold) this.#close(undefined);
  }

  /**
   * The stream or its connection is over. With `mayDeliver`, what the peer sent before it ended its direction
   * in order is still delivered before `close`.
   */
  fail(error: GwError | undefined, mayDeliver: boolean): void {
    this.pending?.clear();
    this.gone = true;
    if (this.#closing) return;
    if (!mayDeliver || !this.remoteEnded || this.#endTold || this.refused) {
      this.#close(error);
      return;
    }
    this.#closeError = this.localEnded ? undefined : error;
    this.ending = true;
    this.localEnded = true;
  }

  /** Everything that waits for the owner's attention: kept data, then the end, then `close`. */
  attend(): void {
    this.attending = false;
    while (this.#flows() && !this.#isEmpty() && !this.#closing) {
      const piece = this.#received!.peek(Number.POSITIVE_INFINITY);
      this.#received!.shift(piece.length);
      this.#consume(piece.length);
      this.#handlers!.data(piece);
      if (this.window.due && !this.#paused) this.#reopen();
    }
    this.#tellEnd();
    if (!this.#closing || this.#closeTold || this.#handlers === undefined) return;
    this.#closeTold = true;
    this.#handlers.close(this.#closeError);
  }

  /** The transport took enough of what waited. */
  drained(): void {
    if (!this.gone && !this.ending) this.#handlers?.drain();
  }

  // --- inside

  #flows(): boolean {
    return this.#handlers !== undefined && !this.#paused;
  }

  #isEmpty(): boolean {
    return this.#received === undefined || this.#received.size === 0;
  }

  #tellEnd(): void {
    if (!this.remoteEnded || this.#endTold || this.#closing || !this.#flows() || !this.#isEmpty()) return;
    this.#endTold = true;
    if (!this.refused) this.#handlers!.end();
    if (this.localEnded) this.#close(this.#closeError);
  }

  #close(error: Error | undefined): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#closeError = error;
    this.#discard();
    this.pending?.clear();
    this.#host.attendLater(this);
  }

  #discard(): void {
    const kept = this.#received?.size ?? 0;
    this.#received = undefined;
    if (kept > 0) this.#consume(kept);
  }

  #consume(bytes: number): void {
    this.window.consume(bytes);
    this.#host.consumed(bytes);
  }

  #reopen(): void {
    if (!this.remoteEnded && !this.gone) this.#host.reopen(this);
  }

  #attendIfDue(): void {
    if (!this.#isEmpty() || this.#closing || (this.remoteEnded && !this.#endTold)) {
      this.#host.attendLater(this);
    }
  }
}
