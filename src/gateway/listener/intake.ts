import type { Channel, ChannelHandlers } from '../../core/channel.ts';
import { GwError } from '../../core/errors.ts';
import { startupPacketBytes } from '../../wire/startup.ts';
import { printType } from '../../wire/types.ts';

/**
 * Reads the few messages a client sends before its session begins, then hands the stream over. What the client
 * sent too early is kept, up to a limit, and delivered first. One read is under way at a time.
 */
const MAX_EARLY_BYTES = 256 * 1024;
const MESSAGE_HEADER_BYTES = 5;

export class Intake {
  readonly channel: Channel;
  #bytes: Buffer = Buffer.alloc(0);
  #handlers: ChannelHandlers | undefined;
  #gone: GwError | undefined;
  #ended = false;
  #whenGone: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(channel: Channel) {
    this.channel = channel;
    channel.start({
      data: (chunk) => (this.#handlers ? this.#handlers.data(chunk) : this.#keep(chunk)),
      drain: () => this.#handlers?.drain(),
      end: () => this.#end(),
      close: (error) => (this.#handlers ? this.#handlers.close(error) : this.#lost('The client went away.')),
    });
  }

  /** True when bytes are there that nobody has read. */
  get hasEarlyBytes(): boolean {
    return this.#bytes.length > 0;
  }

  /** A packet without type byte (startup, SSLRequest, CancelRequest…); returns it without its length. */
  async readStartup(): Promise<Buffer> {
    const size = await this.#until(() => startupPacketBytes(this.#bytes));
    return this.#take(size).subarray(4);
  }

  /**
   * A message of the one type that may come now; returns its body.
   * @throws GwError `protocol_violation` for another type or a longer body
   */
  async readMessage(type: number, maxBytes: number): Promise<Buffer> {
    const size = await this.#until(() => {
      if (this.#bytes.length < MESSAGE_HEADER_BYTES) return undefined;
      const length = this.#bytes.readInt32BE(1);
      if (this.#bytes[0] !== type || length < 4 || length - 4 > maxBytes) {
        throw new GwError(
          'protocol_violation',
          `Expected a message of type ${printType(type)}; the client sent ${printType(this.#bytes[0]!)} with length ${length}.`,
        );
      }
      return length + 1;
    });
    return this.#take(size).subarray(MESSAGE_HEADER_BYTES);
  }

  whenGone(callback: () => void): void {
    this.#whenGone = callback;
    if (this.#gone) callback();
  }

  takeOver(handlers: ChannelHandlers): void {
    this.#handlers = handlers;
    const early = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    if (early.length > 0) handlers.data(early);
    if (this.#ended) handlers.end();
    this.channel.resume();
  }

  /** Resolves with the size of the next packet once all of it is there. */
  async #until(size: () => number | undefined): Promise<number> {
    for (;;) {
      const needed = size();
      if (needed !== undefined && this.#bytes.length >= needed) return needed;
      if (this.#gone) throw this.#gone;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  #take(size: number): Buffer {
    const packet = this.#bytes.subarray(0, size);
    this.#bytes = this.#bytes.subarray(size);
    return packet;
  }

  #keep(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length > MAX_EARLY_BYTES) this.channel.pause();
    this.#wakeUp();
  }

  #end(): void {
    this.#ended = true;
    if (this.#handlers) this.#handlers.end();
    else this.#lost('The client ended the connection during startup.');
  }

  #lost(message: string): void {
    this.#gone ??= new GwError('cancelled', message);
    this.#wakeUp();
    this.#whenGone?.();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
