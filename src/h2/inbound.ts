import { pingFrame } from './control-frames.ts';
import { fault } from './errors.ts';
import type { FrameSink } from './frame-reader.ts';
import { CODE, FLAG, FRAME, readUint31, readUint32 } from './frames.ts';
import { HeaderBlock } from './header-block.ts';
import { type Field, HpackDecoder } from './hpack-decoder.ts';
import { admitSettings, applySettings, SETTINGS_ACK } from './settings.ts';
import type { Shared } from './shared.ts';
import type { Stream } from './stream.ts';

/** What the frames of the peer mean to streams. */
export interface StreamEvents {
  /** Takes bytes from the connection's receive window. */
  take(bytes: number): void;
  consumed(bytes: number): void;
  /** A stream broke its rules: RST_STREAM, and the connection goes on. */
  streamFault(stream: Stream, code: number, message: string): void;
  /** A complete header block; `fields` is undefined when they exceed the limits. */
  headers(streamId: number, fields: readonly Field[] | undefined, endStream: boolean): void;
  wasReset(stream: Stream, code: number): void;
}

/** ... and to the connection. */
export interface ConnectionEvents {
  peerGoaway(lastStreamId: number, code: number): void;
  /** False when it answers no PING of ours. */
  pong(payload: Buffer): boolean;
}

/**
 * Takes the peer's frames apart, in order, and checks each against the state of its stream. Everything is
 * checked before a payload is collected. Throws ConnectionFault; what concerns one stream only goes to its events.
 */
export class Inbound implements FrameSink {
  readonly #shared: Shared;
  readonly #streams: StreamEvents;
  readonly #connection: ConnectionEvents;
  readonly #block = new HeaderBlock();
  readonly #hpack = new HpackDecoder();
  #greeted = false;
  /** The DATA frame at hand. */
  #stream: Stream | undefined = undefined;
  #endStream = false;

  constructor(shared: Shared, streams: StreamEvents, connection: ConnectionEvents) {
    this.#shared = shared;
    this.#streams = streams;
    this.#connection = connection;
  }

  // --- DATA

  dataStart(streamId: number, flags: number, length: number): void {
    if (this.#block.streamId !== 0 || !this.#greeted) this.#outOfPlace();
    this.#endStream = (flags & FLAG.END_STREAM) !== 0;
    if (length > 0) this.#streams.take(length);
    else if (!this.#endStream) this.#shared.meters.emptyData.count();
    const stream = this.#shared.table.get(streamId);
    this.#stream = stream;
    if (stream === undefined) this.#strayData(streamId, length);
    else if (stream.remoteEnded)
      this.#dataFault(stream, CODE.STREAM_CLOSED, length, 'DATA after END_STREAM.');
    else if (!stream.answered && this.#shared.role === 'client') {
      this.#dataFault(stream, CODE.PROTOCOL_ERROR, length, 'DATA before the response headers.');
    } else if (!stream.window.take(length)) {
      this.#dataFault(stream, CODE.FLOW_CONTROL_ERROR, length, 'DATA beyond the window of its stream.');
    }
  }

  dataPiece(chunk: Buffer, start: number, end: number): void {
    if (this.#stream !== undefined) this.#stream.receive(chunk, start, end);
  }

  dataEnd(padding: number): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (padding > 0) stream.receivePadding(padding);
    if (this.#endStream && !stream.gone) stream.receiveEnd();
    this.#stream = undefined;
  }

  #strayData(streamId: number, length: number): void {
    this.#shared.table.rejectClosed(streamId);
    this.#streams.consumed(length);
  }

  #dataFault(stream: Stream, code: number, length: number, message: string): void {
    this.#stream = undefined;
    this.#streams.consumed(length);
    this.#streams.streamFault(stream, code, message);
  }

  // --- other frames: checks before the payload is read

  frameStart(type: number, flags: number, streamId: number, length: number): number {
    const inBlock = this.#block.streamId !== 0;
    if (inBlock !== (type === FRAME.CONTINUATION)) this.#outOfPlace();
    if (!this.#greeted && (type !== FRAME.SETTINGS || (flags & FLAG.ACK) !== 0)) this.#outOfPlace();
    switch (type) {
      case FRAME.HEADERS:
      case FRAME.CONTINUATION:
        this.#block.admit(type, streamId, length);
        return length;
      case FRAME.RST_STREAM:
      case FRAME.WINDOW_UPDATE:
        return exactly(length, 4);
      case FRAME.SETTINGS:
        if (streamId !== 0) this.#outOfPlace();
        admitSettings(flags, length);
        return length;
      case FRAME.PING:
        if (streamId !== 0) this.#outOfPlace();
        return exactly(length, 8);
      case FRAME.GOAWAY:
        if (streamId !== 0) this.#outOfPlace();
        if (length < 8) fault(CODE.FRAME_SIZE_ERROR, 'A GOAWAY frame is too short.');
        return 8;
      case FRAME.PUSH_PROMISE:
        return fault(CODE.PROTOCOL_ERROR, 'PUSH_PROMISE, which we have not allowed.');
      default:
        return 0;
    }
  }

  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    switch (type) {
      case FRAME.HEADERS:
      case FRAME.CONTINUATION:
        this.#headers(type, flags, streamId, buffer, start, end);
        break;
      case FRAME.RST_STREAM:
        this.#reset(streamId, readUint32(buffer, start));
        break;
      case FRAME.WINDOW_UPDATE:
        this.#windowUpdate(streamId, readUint31(buffer, start));
        break;
      case FRAME.SETTINGS:
        this.#settings(flags, buffer, start, end);
        break;
      case FRAME.PING:
        this.#ping(flags, buffer.subarray(start, end));
        break;
      case FRAME.GOAWAY:
        this.#shared.meters.ignoredFrames.count();
        this.#connection.peerGoaway(readUint31(buffer, start), readUint32(buffer, start + 4));
        break;
      default:
        this.#shared.meters.ignoredFrames.count();
    }
  }

  #headers(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const block = this.#block.add(type, flags, streamId, buffer, start, end);
    if (block !== undefined)
      this.#streams.headers(streamId, this.#hpack.decode(block), this.#block.endStream);
  }

  #reset(streamId: number, code: number): void {
    const stream = this.#shared.table.get(streamId);
    if (stream !== undefined) {
      if (!stream.answered) this.#shared.meters.hastyResets.count();
      this.#shared.meters.resets.count();
      this.#streams.wasReset(stream, code);
      return;
    }
    this.#shared.table.rejectIdle(streamId);
    this.#shared.meters.ignoredFrames.count();
  }

  #windowUpdate(streamId: number, increment: number): void {
    this.#shared.meters.windowUpdates.count();
    if (streamId === 0) {
      if (increment === 0) fault(CODE.PROTOCOL_ERROR, 'WINDOW_UPDATE by nothing.');
      this.#shared.sender.widen(increment);
      return;
    }
    const stream = this.#shared.table.get(streamId);
    if (stream === undefined) {
      this.#shared.table.rejectIdle(streamId);
      this.#shared.meters.ignoredFrames.count();
    } else if (increment === 0) {
      this.#streams.streamFault(stream, CODE.PROTOCOL_ERROR, 'WINDOW_UPDATE by nothing.');
    } else if (!this.#shared.sender.widenStream(stream, increment)) {
      this.#streams.streamFault(stream, CODE.FLOW_CONTROL_ERROR, 'The window of a stream overflows.');
    }
  }

  #settings(flags: number, buffer: Buffer, start: number, end: number): void {
    this.#greeted = true;
    this.#shared.meters.settingsFrames.count();
    if ((flags & FLAG.ACK) !== 0) return;
    const before = this.#shared.peer.initialWindowBytes;
    applySettings(this.#shared.peer, buffer, start, end, this.#shared.role === 'client');
    const change = this.#shared.peer.initialWindowBytes - before;
    if (change !== 0) {
      for (const stream of this.#shared.table.streams.values()) {
        if (!this.#shared.sender.widenStream(stream, change)) {
          fault(CODE.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE makes a window overflow.');
        }
      }
    }
    this.#shared.sender.answer(SETTINGS_ACK);
  }

  #ping(flags: number, payload: Buffer): void {
    if ((flags & FLAG.ACK) !== 0) {
      if (!this.#connection.pong(payload)) this.#shared.meters.ignoredFrames.count();
      return;
    }
    this.#shared.meters.pings.count();
    this.#shared.sender.answer(pingFrame(FLAG.ACK, payload));
  }

  #outOfPlace(): never {
    fault(CODE.PROTOCOL_ERROR, 'A frame that is not allowed at this point of the connection.');
  }
}

function exactly(length: number, expected: number): number {
  if (length !== expected) fault(CODE.FRAME_SIZE_ERROR, 'A frame has a wrong length.');
  return expected;
}
