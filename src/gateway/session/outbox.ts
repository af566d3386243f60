import type { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Durability } from '../gate/types.ts';

/**
 * Bytes on their way to upstream, in order. What belongs to a statement leaves only when the journal is durable
 * up to that statement's intent; everything behind it waits too. Nothing here looks into the bytes.
 */
export class Outbox {
  readonly #durability: Durability;
  readonly #sink: OutboxSink;
  #waiting: { bytes: Buffer; sequence: number; operations: number; sinceMs: number }[] = [];
  #waitingBytes = 0;
  #registered = false;
  /** What is sent from now on needs the journal up to here. Grows, except after a failure. */
  sequence = 0;
  /** Operations pushed since the last send: they travel with the next bytes. */
  operations = 0;

  constructor(durability: Durability, sink: OutboxSink) {
    this.#durability = durability;
    this.#sink = sink;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  get full(): boolean {
    return this.#waitingBytes > LIMITS.sessionBufferBytes;
  }

  /** Sends, or keeps a copy until the journal allows it. */
  send(bytes: Uint8Array): void {
    const operations = this.operations;
    this.operations = 0;
    if (this.#waiting.length === 0 && this.sequence <= this.#durability.durable) {
      this.#sink.write(bytes);
      return;
    }
    this.#waiting.push({
      bytes: Buffer.from(bytes),
      sequence: this.sequence,
      operations,
      sinceMs: performance.now(),
    });
    this.#waitingBytes += bytes.length;
    this.#register();
  }

  /** Sends at once, ahead of what waits. For the owner's use after a failure only. */
  sendNow(bytes: Uint8Array): void {
    this.#sink.write(bytes);
  }

  #register(): void {
    if (this.#registered) return;
    this.#registered = true;
    this.#durability.whenDurable(this.#waiting[0]!.sequence, this.#release);
  }

  readonly #release = (error: GwError | undefined): void => {
    this.#registered = false;
    if (error) {
      this.#fail(error);
      return;
    }
    const durable = this.#durability.durable;
    const nowMs = performance.now();
    let sent = 0;
    while (sent < this.#waiting.length && this.#waiting[sent]!.sequence <= durable) {
      const { bytes, operations, sinceMs } = this.#waiting[sent++]!;
      this.#waitingBytes -= bytes.length;
      this.#sink.write(bytes);
      if (operations > 0) this.#sink.waited((nowMs - sinceMs) / 1_000);
    }
    if (sent === this.#waiting.length) this.#waiting.length = 0;
    else this.#waiting.splice(0, sent);
    if (this.#waiting.length > 0) this.#register();
    this.#sink.released();
  };

  #fail(error: GwError): void {
    const unsent = this.#waiting.reduce((sum, entry) => sum + entry.operations, this.operations);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.operations = 0;
    this.sequence = 0;
    this.#sink.failed(error, unsent);
    this.#sink.released();
  }
}

export interface OutboxSink {
  write(bytes: Uint8Array): void;
  /** How long operations waited for the journal. */
  waited(seconds: number): void;
  /** Something left the outbox. */
  released(): void;
  /** The journal could not record: the bytes of the last `operations` operations were dropped. */
  failed(error: GwError, operations: number): void;
}
