import { GwError } from '../core/errors.ts';
import { headerFrames, resetFrame, windowUpdateFrame } from './control-frames.ts';
import { codeName, fault, H2Error } from './errors.ts';
import { readRequest, readResponse } from './fields.ts';
import { ReceiveWindow } from './flow.ts';
import { CODE, MAX_STREAM_ID } from './frames.ts';
import type { Field } from './hpack-decoder.ts';
import { encodeHeaders } from './hpack-encoder.ts';
import type { StreamEvents } from './inbound.ts';
import { firstWindowBytes, type Shared } from './shared.ts';
import { Stream, type StreamHost } from './stream.ts';
import type { Headers, Response } from './types.ts';

const REFUSED = 'The gateway takes no new sessions on this tunnel.';

/**
 * The life of streams: opened, accepted or refused; answered; reset or ended; and the window they share. Every
 * way out of the table goes through here.
 */
export class Exchange implements StreamHost, StreamEvents {
  readonly #shared: Shared;
  readonly #window: ReceiveWindow;
  /** The connection's window has its full size. */
  #wide: boolean;
  /** Set once a final GOAWAY was sent: new streams are refused. */
  refusing = false;

  constructor(shared: Shared) {
    this.#shared = shared;
    this.#wide = shared.role === 'client';
    this.#window = new ReceiveWindow(firstWindowBytes(shared.role, shared.options));
  }

  // --- for the owner of the connection

  get mayOpen(): boolean {
    const limit = Math.min(this.#shared.options.maxStreams, this.#shared.peer.maxStreams);
    return this.#shared.table.streams.size < limit && this.#shared.table.lastId < MAX_STREAM_ID - 1;
  }

  open(headers: Headers, onResponse: Response): Stream {
    const block = encodeHeaders(headers);
    const stream = this.#add(this.#shared.table.lastId === 0 ? 1 : this.#shared.table.lastId + 2, onResponse);
    this.#sendHeaders(stream, block);
    this.#measure();
    return stream;
  }

  /** The connection is over: every stream ends with `error`. */
  abandon(error: GwError): void {
    for (const stream of [...this.#shared.table.streams.values()]) this.#drop(stream, error, true);
  }

  /** GOAWAY: streams the peer will not look at. */
  dropAbove(lastStreamId: number): void {
    for (const stream of [...this.#shared.table.streams.values()]) {
      if (stream.id > lastStreamId) this.#drop(stream, new H2Error(CODE.REFUSED_STREAM, REFUSED), false);
    }
  }

  // --- for streams

  send(stream: Stream, chunk: Uint8Array): boolean {
    this.#requireAnswer(stream);
    return this.#shared.sender.write(stream, chunk);
  }

  sendEnd(stream: Stream): void {
    this.#requireAnswer(stream);
    this.#shared.sender.end(stream);
  }

  sendResponse(stream: Stream, status: number, headers: Headers): void {
    this.#sendHeaders(stream, encodeHeaders({ ':status': String(status), ...headers }));
    if (this.#wide || status < 200 || status > 299) return;
    this.#wide = true;
    this.#measure();
    const more = this.#window.reopen(this.#shared.options.connectionWindowBytes);
    if (more > 0) this.#shared.sender.control(windowUpdateFrame(0, more));
  }

  reset(stream: Stream, code: number): void {
    this.#shared.sender.reset(stream, resetFrame(stream.id, code));
    this.#shared.table.rememberReset(stream.id);
    this.#shared.table.delete(stream);
  }

  release(stream: Stream): void {
    this.#shared.table.delete(stream);
    this.#shared.turns.wake();
  }

  /** Gives a stream its window back, in the size that suits the path; the first size when memory runs full. */
  reopen(stream: Stream): void {
    this.#measure();
    const { initialWindowBytes: least, maxWindowBytes: most } = this.#shared.options;
    const bytes = this.#window.isCrowded ? least : this.#shared.trip.windowBytes(least, most);
    const increment = stream.window.reopen(bytes);
    if (increment > 0) this.#shared.sender.control(windowUpdateFrame(stream.id, increment));
  }

  attendLater(stream: Stream): void {
    this.#shared.turns.attendLater(stream);
  }

  // --- for what the peer sends

  take(bytes: number): void {
    if (!this.#window.take(bytes)) {
      fault(CODE.FLOW_CONTROL_ERROR, 'DATA beyond the window of the connection.');
    }
  }

  consumed(bytes: number): void {
    this.#window.consume(bytes);
    if (this.#window.due) this.#shared.sender.control(windowUpdateFrame(0, this.#window.reopen()));
  }

  streamFault(stream: Stream, code: number, message: string): void {
    this.#shared.meters.hastyResets.count();
    this.#shared.sender.chargeAnswer();
    this.reset(stream, code);
    stream.fail(new H2Error(code, `The peer broke the rules of a stream: ${message}`, false), false);
  }

  wasReset(stream: Stream, code: number): void {
    const inOrder = code === CODE.NO_ERROR && stream.remoteEnded;
    const error = inOrder ? undefined : new H2Error(code, `The peer closed the stream (${codeName(code)}).`);
    this.#drop(stream, error, inOrder);
  }

  headers(streamId: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    const stream = this.#shared.table.get(streamId);
    if (stream === undefined) this.#newHeaders(streamId, fields, endStream);
    else if (stream.remoteEnded) this.streamFault(stream, CODE.STREAM_CLOSED, 'HEADERS after END_STREAM.');
    else if (fields === undefined) this.streamFault(stream, CODE.ENHANCE_YOUR_CALM, 'too many headers.');
    else if (this.#shared.role === 'client') this.#response(stream, fields, endStream);
    else this.streamFault(stream, CODE.PROTOCOL_ERROR, 'HEADERS on a connected stream.');
  }

  // --- inside

  /** Server: a request. Client: an answer to a stream that is gone. */
  #newHeaders(streamId: number, fields: readonly Field[] | undefined, endStream: boolean): void {
    if (this.#shared.role === 'client' || streamId <= this.#shared.table.lastId) {
      this.#shared.table.rejectClosed(streamId);
      this.#shared.meters.ignoredFrames.count();
      return;
    }
    if ((streamId & 1) === 0) fault(CODE.PROTOCOL_ERROR, 'A client opened a stream with an even identifier.');
    this.#shared.table.lastId = streamId;
    const { onStream, maxStreams } = this.#shared.options;
    if (this.refusing || onStream === undefined || this.#shared.table.streams.size >= maxStreams) {
      this.#refuse(streamId, CODE.REFUSED_STREAM);
    } else if (fields === undefined) {
      this.#refuse(streamId, CODE.ENHANCE_YOUR_CALM);
    } else this.#request(streamId, fields, endStream);
  }

  #request(streamId: number, fields: readonly Field[], endStream: boolean): void {
    const headers = readRequest(fields);
    if (headers === undefined) this.#refuse(streamId, CODE.PROTOCOL_ERROR);
    else if (headers === 'other') this.#refuse(streamId, CODE.HTTP_1_1_REQUIRED);
    else {
      const stream = this.#add(streamId, undefined);
      if (endStream) stream.receiveEnd();
      this.#shared.options.onStream?.(stream, headers);
    }
  }

  #refuse(streamId: number, code: number): void {
    this.#shared.meters.hastyResets.count();
    this.#shared.table.rememberReset(streamId);
    this.#shared.sender.answer(resetFrame(streamId, code));
  }

  #response(stream: Stream, fields: readonly Field[], endStream: boolean): void {
    if (stream.answered) {
      this.#trailers(stream, endStream);
      return;
    }
    const response = readResponse(fields);
    if (response === undefined) {
      this.streamFault(stream, CODE.PROTOCOL_ERROR, 'the response is malformed.');
    } else if (response.status < 200) {
      if (endStream) this.streamFault(stream, CODE.PROTOCOL_ERROR, 'an interim response ends the stream.');
      else this.#shared.meters.ignoredFrames.count();
    } else {
      stream.answered = true;
      stream.isTunnel = response.status < 300;
      stream.onResponse?.(response.status, response.headers);
      if (endStream && !stream.gone) stream.receiveEnd();
    }
  }

  /** After a refusal an ordinary response may have trailers; a tunnel has none (RFC 9113, 8.5). */
  #trailers(stream: Stream, endStream: boolean): void {
    if (endStream && !stream.isTunnel) stream.receiveEnd();
    else this.streamFault(stream, CODE.PROTOCOL_ERROR, 'HEADERS on a connected stream.');
  }

  #add(id: number, onResponse: Response | undefined): Stream {
    const { peer, options } = this.#shared;
    const stream = new Stream(id, this, peer.initialWindowBytes, options.initialWindowBytes, onResponse);
    this.#shared.table.add(stream);
    return stream;
  }

  #sendHeaders(stream: Stream, block: Buffer): void {
    this.#shared.sender.control(headerFrames(stream.id, block, 0, this.#shared.peer.maxFrameBytes));
  }

  #drop(stream: Stream, error: GwError | undefined, mayDeliver: boolean): void {
    this.#shared.sender.forget(stream);
    this.#shared.table.delete(stream);
    stream.fail(error, mayDeliver);
    this.#shared.turns.wake();
  }

  #measure(): void {
    const probe = this.#shared.trip.probe();
    if (probe !== undefined) this.#shared.sender.control(probe);
  }

  #requireAnswer(stream: Stream): void {
    if (this.#shared.role === 'server' && !stream.answered) {
      throw new GwError('bug', 'A stream was used before it was answered.');
    }
  }
}
