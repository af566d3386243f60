import { GwError } from '../core/errors.ts';
import { createMeters } from './allowance.ts';
import { goawayFrame, windowUpdateFrame } from './control-frames.ts';
import { ConnectionFault, fault } from './errors.ts';
import { Exchange } from './exchange.ts';
import { Farewell } from './farewell.ts';
import { FrameReader } from './frame-reader.ts';
import { CODE, DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, PREFACE } from './frames.ts';
import { Inbound } from './inbound.ts';
import { H2_LIMITS } from './limits.ts';
import { RoundTrip } from './round-trip.ts';
import { Sender } from './sender.ts';
import { defaultPeerSettings, SETTING, settingsFrame } from './settings.ts';
import { firstWindowBytes, type SettledOptions, type Shared, settleOptions } from './shared.ts';
import { type Role, StreamTable } from './stream-table.ts';
import { Turns } from './turns.ts';
import type { H2Options, H2Stream, H2Transport, Headers, Response } from './types.ts';

/**
 * HTTP/2 (RFC 9113) over any transport, as far as CONNECT tunnels need it: no push, no priorities, requests
 * other than CONNECT refused. The owner feeds it with receive() and drained(), and hears of everything
 * through handlers; one that throws ends the connection, and its error goes to who called us.
 *
 * receive() hands out data at once and only notes what is to be sent. What goes out, and what an owner hears
 * other than data, its end and new streams, happens in a turn, which `schedule` runs.
 */
export class H2Connection {
  readonly #role: Role;
  readonly #transport: H2Transport;
  readonly #options: SettledOptions;
  readonly #table = new StreamTable();
  readonly #turns: Turns;
  readonly #sender: Sender;
  readonly #exchange: Exchange;
  readonly #farewell: Farewell;
  readonly #reader: FrameReader;
  #prefaceAt: number;
  #inTurn = false;
  #closed = false;
  #closeTold = false;
  #closeError: Error | undefined = undefined;

  /** Sends the preface and SETTINGS in the first turn. Throws `bug` on windows that cannot be. */
  constructor(role: Role, transport: H2Transport, options: H2Options) {
    const settled = settleOptions(options);
    checkWindows(settled);
    this.#role = role;
    this.#transport = transport;
    this.#options = settled;
    const peer = defaultPeerSettings();
    this.#turns = new Turns(options.schedule, this.#table, () => this.#turn());
    this.#sender = new Sender(transport, peer, this.#turns);
    const shared: Shared = {
      role,
      options: settled,
      table: this.#table,
      peer,
      meters: createMeters(options.now),
      turns: this.#turns,
      sender: this.#sender,
      trip: new RoundTrip(options.now),
    };
    this.#exchange = new Exchange(shared);
    this.#farewell = new Farewell(shared, this.#exchange);
    const inbound = new Inbound(shared, this.#exchange, this.#farewell);
    this.#reader = new FrameReader(inbound, H2_LIMITS.frameBytes);
    this.#prefaceAt = role === 'server' ? 0 : PREFACE.length;
    this.#greet();
  }

  /** Streams that are open in at least one direction. */
  get activeStreams(): number {
    return this.#table.streams.size;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Client: would `open` succeed now? */
  get canOpen(): boolean {
    return !this.#closed && !this.#farewell.isEnding && this.#exchange.mayOpen;
  }

  /** Bytes from the transport; the chunk is not kept. A fault of the peer ends the connection; nothing is thrown. */
  receive(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#reader.read(chunk, this.#prefaceAt < PREFACE.length ? this.#readPreface(chunk) : 0);
    } catch (error) {
      if (!(error instanceof ConnectionFault)) this.#ownerFailed(error);
      this.#finish(error, error.h2Code);
    }
  }

  /** The transport has room again after `write` returned false. */
  drained(): void {
    this.#sender.unblock();
    if (this.#inTurn) this.#turns.wake();
    else this.#turn();
  }

  /**
   * Client: opens a CONNECT stream. Data may be written at once, without waiting for the response.
   * @param headers pseudo-header fields first: `:method` CONNECT and `:authority`.
   * @param onResponse hears the final status and headers, once; the body of a refusal comes as the stream's data.
   * @throws GwError gateway_unreachable | shutting_down | too_many_sessions
   */
  open(headers: Headers, onResponse: Response = () => {}): H2Stream {
    if (this.#closed) throw new GwError('gateway_unreachable', 'The tunnel is closed.');
    if (this.#farewell.isEnding) {
      throw new GwError('shutting_down', 'The tunnel takes no new sessions.', { hint: 'Open a new tunnel.' });
    }
    if (!this.#exchange.mayOpen) {
      throw new GwError('too_many_sessions', 'The tunnel has as many sessions as it may have.', {
        hint: 'Close sessions that are not needed, or open another tunnel.',
      });
    }
    return this.#exchange.open(headers, onResponse);
  }

  /** Asks the peer for a sign of life; `onPong` hears the answer to the latest one. */
  ping(): void {
    if (!this.#closed) this.#farewell.ping();
  }

  /**
   * No new streams from now on; those that exist go on, and `onIdle` tells when the last is gone. A server
   * announces it first and refuses only after one round trip, so that no stream on its way is lost (RFC 9113, 6.8);
   * with an error code it refuses at once.
   */
  goaway(code: number = CODE.NO_ERROR): void {
    if (!this.#closed) this.#farewell.goaway(code);
  }

  /** Ends everything at once. The owner also calls it, with an error, when the transport is gone. */
  destroy(error?: Error): void {
    this.#finish(error, undefined);
  }

  #turn(): void {
    this.#inTurn = true;
    try {
      this.#turns.attend();
      if (!this.#closed) {
        this.#sender.pump();
        for (const stream of this.#sender.takeDrained()) stream.drained();
        this.#farewell.tellIdle();
      }
    } catch (error) {
      this.#ownerFailed(error);
    } finally {
      this.#inTurn = false;
    }
    if (this.#closed && !this.#closeTold && this.#turns.isQuiet) {
      this.#closeTold = true;
      this.#options.onClose(this.#closeError);
    }
  }

  /** A handler threw: bytes may be lost, so nothing may go on as if they were not. */
  #ownerFailed(cause: unknown): never {
    this.#finish(new GwError('bug', 'A handler of the tunnel failed.', { cause }), CODE.INTERNAL_ERROR);
    throw cause;
  }

  #finish(error: Error | undefined, code: number | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeError = error;
    this.#reader.stop();
    if (code !== undefined) this.#sender.control(goawayFrame(this.#farewell.lastPeerStreamId, code));
    if (code !== undefined || error === undefined) this.#sender.emit();
    this.#transport.close(error);
    const cause = error instanceof GwError ? error : tunnelClosed(error);
    this.#exchange.abandon(cause);
    this.#turns.wake();
  }

  #greet(): void {
    const { maxStreams, initialWindowBytes } = this.#options;
    const client = this.#role === 'client';
    if (client) this.#sender.control(PREFACE);
    this.#sender.control(
      settingsFrame([
        client ? [SETTING.ENABLE_PUSH, 0] : [SETTING.MAX_CONCURRENT_STREAMS, maxStreams],
        [SETTING.INITIAL_WINDOW_SIZE, initialWindowBytes],
        [SETTING.MAX_FRAME_SIZE, H2_LIMITS.frameBytes],
        [SETTING.MAX_HEADER_LIST_SIZE, H2_LIMITS.headerListBytes],
      ]),
    );
    const wider = firstWindowBytes(this.#role, this.#options) - DEFAULT_WINDOW_BYTES;
    if (wider > 0) this.#sender.control(windowUpdateFrame(0, wider));
  }

  /** Compares the client's preface. Returns where the frames begin in this chunk. */
  #readPreface(chunk: Buffer): number {
    const n = Math.min(PREFACE.length - this.#prefaceAt, chunk.length);
    if (PREFACE.compare(chunk, 0, n, this.#prefaceAt, this.#prefaceAt + n) !== 0) {
      fault(CODE.PROTOCOL_ERROR, 'The client does not speak HTTP/2.');
    }
    this.#prefaceAt += n;
    return n;
  }
}

function checkWindows({
  initialWindowBytes: stream,
  connectionWindowBytes: connection,
}: SettledOptions): void {
  if (stream >= DEFAULT_WINDOW_BYTES && stream <= connection && connection <= MAX_WINDOW_BYTES) return;
  throw new GwError('bug', `HTTP/2 windows of ${stream} and ${connection} bytes cannot be.`, {
    hint: 'A stream needs 65,535 bytes at least, the connection as much as a stream, and at most 2^31-1.',
  });
}

function tunnelClosed(cause: Error | undefined): GwError {
  return new GwError('session_ended', 'The tunnel was closed.', { cause });
}
