import { ByteQueue } from './byte-queue.ts';
import { fault } from './errors.ts';
import { CODE, DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES } from './frames.ts';
import { Lane } from './lane.ts';
import { H2_LIMITS } from './limits.ts';
import type { PeerSettings } from './settings.ts';
import type { Stream } from './stream.ts';
import type { Turns } from './turns.ts';
import type { H2Transport } from './types.ts';

/**
 * Everything that goes out. Small writes of all streams in one turn become one write of the transport, ahead of
 * bulk data; bulk is bounded per turn and shared round-robin; while the transport is full no more than one turn's worth is framed.
 *
 * Two lanes, so the order within a stream needs care: bytes that went to the bulk lane this turn pull everything
 * that follows of that stream, RST_STREAM included, into the bulk lane of this turn.
 */
export class Sender {
  readonly #transport: H2Transport;
  readonly #peer: PeerSettings;
  readonly #turns: Turns;
  readonly #urgent = new Lane(0);
  readonly #bulk = new Lane(H2_LIMITS.smallWriteBytes);
  /** Streams with bytes waiting that their own window lets go, in order of their turn. */
  readonly #ready = new Set<Stream>();
  #drained: Stream[] = [];
  /** Streams that wait for the bulk lane to leave. */
  #laneWaiters: Stream[] = [];
  #blocked = false;
  #turn = 0;
  #window = DEFAULT_WINDOW_BYTES;
  #answers = 0;

  constructor(transport: H2Transport, peer: PeerSettings, turns: Turns) {
    this.#transport = transport;
    this.#peer = peer;
    this.#turns = turns;
  }

  /** Frames or keeps bytes of a stream. False when it should wait for `takeDrained`. */
  write(stream: Stream, chunk: Uint8Array): boolean {
    const bytes = chunk.length;
    if (bytes === 0) return true;
    const { pending } = stream;
    const framed = pending === undefined || pending.size === 0 ? this.#frameNow(stream, chunk) : 0;
    if (framed === bytes) return this.#hasRoom(stream);
    stream.pending ??= new ByteQueue(true);
    stream.pending.push(chunk, framed);
    this.#queue(stream);
    const full = stream.pending.size > H2_LIMITS.pendingHighBytes;
    if (full) stream.wantsDrain = true;
    return !full;
  }

  /** Ends a stream's direction, after what waits. */
  end(stream: Stream): void {
    if (stream.pending !== undefined && stream.pending.size > 0) return;
    this.#laneOf(stream).endStream(stream.id);
    this.#turns.wake();
    stream.sentEnd();
  }

  /** Drops what waits of a stream and sends `frame` as its last. */
  reset(stream: Stream, frame: Buffer): void {
    this.#laneOf(stream).frame(frame);
    this.forget(stream);
    this.#turns.wake();
  }

  forget(stream: Stream): void {
    stream.pending?.clear();
    this.#ready.delete(stream);
  }

  /** A frame that is ours to send. */
  control(frame: Buffer): void {
    this.#urgent.frame(frame);
    this.#turns.wake();
  }

  /** A frame the peer made us send: bounded, so that a peer that never reads cannot make us collect them. */
  answer(frame: Buffer): void {
    this.chargeAnswer();
    this.control(frame);
  }

  /** Counts one more answer that waits for the transport. */
  chargeAnswer(): void {
    this.#answers++;
    if (this.#answers > H2_LIMITS.waitingAnswers) {
      fault(CODE.ENHANCE_YOUR_CALM, 'The peer asks for answers and does not read them.');
    }
  }

  /** WINDOW_UPDATE for the connection. */
  widen(bytes: number): void {
    this.#window += bytes;
    if (this.#window > MAX_WINDOW_BYTES) fault(CODE.FLOW_CONTROL_ERROR, 'The connection window overflows.');
    if (this.#ready.size > 0) this.#turns.wake();
  }

  /** A stream's window changed. False when it overflows. */
  widenStream(stream: Stream, bytes: number): boolean {
    stream.sendWindow += bytes;
    if (stream.pending !== undefined && stream.pending.size > 0) this.#queue(stream);
    return stream.sendWindow <= MAX_WINDOW_BYTES;
  }

  /** The transport has room again. */
  unblock(): void {
    this.#blocked = false;
  }

  /** One turn: fills the lanes and hands them to the transport. */
  pump(): void {
    if (this.#blocked) return;
    if (this.#ready.size > 0) this.#fill();
    this.emit();
    this.#drainWaiters();
    if (this.#ready.size > 0 && this.#window > 0 && !this.#blocked) this.#turns.wake();
  }

  /** Streams that fell below the low-water mark since the last call. */
  takeDrained(): readonly Stream[] {
    if (this.#drained.length === 0) return NONE;
    const drained = this.#drained;
    this.#drained = [];
    return drained;
  }

  /** Hands over what is framed, even to a transport that is full. */
  emit(): void {
    const urgent = this.#urgent;
    const bulk = this.#bulk;
    this.#turn++;
    this.#answers = 0;
    let room = true;
    if (urgent.size > 0 && !bulk.prepend(urgent)) room = urgent.send(this.#transport);
    if (bulk.size > 0) room = bulk.send(this.#transport) && room;
    if (!room) this.#blocked = true;
  }

  /** Frames as much as may go in this turn. Returns how much that was. */
  #frameNow(stream: Stream, chunk: Uint8Array): number {
    const bytes = chunk.length;
    const allowed = Math.min(bytes, stream.sendWindow, this.#window);
    if (bytes <= H2_LIMITS.smallWriteBytes && stream.bulkTurn !== this.#turn) {
      if (allowed < bytes || this.#urgent.size + bytes > H2_LIMITS.urgentBytes) return 0;
      this.#frame(this.#urgent, stream, chunk);
      this.#turns.wake();
      return bytes;
    }
    const now = Math.min(allowed, H2_LIMITS.bulkBytes - this.#bulk.size);
    if (this.#ready.size > 0 || now <= 0) return 0;
    stream.bulkTurn = this.#turn;
    this.#frame(this.#bulk, stream, now === bytes ? chunk : chunk.subarray(0, now));
    this.#turns.wake();
    return now;
  }

  /** While the transport is full a bulk writer waits as soon as the next turn is well filled. */
  #hasRoom(stream: Stream): boolean {
    if (!this.#blocked || this.#bulk.size < H2_LIMITS.bulkBytes / 2 || stream.bulkTurn !== this.#turn) {
      return true;
    }
    if (!stream.wantsDrain) this.#laneWaiters.push(stream);
    stream.wantsDrain = true;
    return false;
  }

  /** The lane that keeps a stream's order in this turn. */
  #laneOf(stream: Stream): Lane {
    return stream.bulkTurn === this.#turn ? this.#bulk : this.#urgent;
  }

  #frame(lane: Lane, stream: Stream, chunk: Uint8Array): void {
    const bytes = chunk.length;
    const max = this.#peer.maxFrameBytes;
    stream.sendWindow -= bytes;
    this.#window -= bytes;
    if (bytes <= max) {
      lane.data(stream.id, chunk, max);
      return;
    }
    for (let at = 0; at < bytes; at += max) lane.data(stream.id, chunk.subarray(at, at + max), max);
  }

  #drainWaiters(): void {
    if (this.#laneWaiters.length === 0) return;
    const waiters = this.#laneWaiters;
    this.#laneWaiters = [];
    for (const stream of waiters) this.#drain(stream);
  }

  #drain(stream: Stream): void {
    const waiting = stream.pending === undefined ? 0 : stream.pending.size;
    if (!stream.wantsDrain || waiting > H2_LIMITS.pendingLowBytes) return;
    stream.wantsDrain = false;
    this.#drained.push(stream);
  }

  #queue(stream: Stream): void {
    if (stream.sendWindow <= 0) return;
    this.#ready.add(stream);
    if (!this.#blocked) this.#turns.wake();
  }

  #fill(): void {
    for (const stream of this.#ready) {
      if (this.#urgent.size > H2_LIMITS.urgentBytes) break;
      const bytes = stream.pending!.size;
      const allowed = Math.min(H2_LIMITS.smallWriteBytes, stream.sendWindow, this.#window);
      if (bytes <= allowed && stream.bulkTurn !== this.#turn) this.#move(this.#urgent, stream, bytes);
    }
    const sole = this.#ready.size === 1;
    for (const stream of this.#ready) {
      const room = H2_LIMITS.bulkBytes - this.#bulk.size;
      if (room <= 0 || this.#window <= 0) break;
      stream.bulkTurn = this.#turn;
      this.#move(this.#bulk, stream, Math.min(room, sole ? room : H2_LIMITS.quantumBytes));
    }
  }

  /** Moves up to `limit` waiting bytes, as the windows allow, and puts the stream at the end of the row. */
  #move(lane: Lane, stream: Stream, limit: number): void {
    const pending = stream.pending!;
    let left = Math.min(limit, pending.size, stream.sendWindow, this.#window);
    while (left > 0) {
      const piece = pending.peek(left);
      this.#frame(lane, stream, piece);
      pending.shift(piece.length);
      left -= piece.length;
    }
    this.#ready.delete(stream);
    if (pending.size > 0 && stream.sendWindow > 0) this.#ready.add(stream);
    this.#drain(stream);
    if (pending.size === 0 && stream.ending) this.end(stream);
  }
}

const NONE: readonly Stream[] = [];
