import type { ChannelHandlers } from '../../core/channel.ts';
import { LIMITS } from '../../core/limits.ts';
import type { SocketChannel } from '../../core/socket-channel.ts';
import { Unreachable } from './failures.ts';

/**
 * The dialogue that opens a connection, read step by step: bytes are taken only when asked for, so a server
 * that sends more than it should fills one read buffer and then the network, not our memory. Who is
 * done hands over either the bare socket (for TLS) or the channel with what was read ahead.
 */

export interface ServerMessage {
  readonly type: number;
  /** Without type and length. A view that lives as long as the caller keeps it. */
  readonly body: Buffer;
  /** The whole message. */
  readonly raw: Buffer;
}

const HEADER_BYTES = 5;

export class Opening implements ChannelHandlers {
  readonly channel: SocketChannel;
  readonly isEncrypted: boolean;
  readonly #signal: AbortSignal;
  #received: Buffer = Buffer.alloc(0);
  #failure: unknown;
  #hasFailed = false;
  #wake: (() => void) | undefined;

  /** @param signal drops the connection and makes every read fail with its reason, until the handover */
  constructor(channel: SocketChannel, isEncrypted: boolean, signal: AbortSignal) {
    this.channel = channel;
    this.isEncrypted = isEncrypted;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
    channel.pause();
    channel.start(this);
    if (signal.aborted) this.#onAbort();
  }

  /** Received and not yet read. */
  get unread(): Buffer {
    return this.#received;
  }

  send(message: Uint8Array): void {
    this.channel.write(message);
  }

  /** Waits until so many bytes are unread. Throws what ended the connection, if that comes first. */
  async need(bytes: number): Promise<Buffer> {
    while (this.#received.length < bytes) {
      if (this.#hasFailed) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.channel.resume();
      });
    }
    return this.#received;
  }

  /** Reads one byte, such as the answer to SSLRequest. */
  async byte(): Promise<number> {
    const [byte] = await this.need(1);
    this.#received = this.#received.subarray(1);
    return byte!;
  }

  /** Reads one message of a type that `isExpected`, of at most `LIMITS.authMessageBytes`. */
  async message(isExpected: (type: number) => boolean): Promise<ServerMessage> {
    const length = await this.messageLength(0, isExpected);
    const raw = (await this.need(length)).subarray(0, length);
    this.#received = this.#received.subarray(length);
    return { type: raw[0]!, body: raw.subarray(HEADER_BYTES), raw };
  }

  /** The length of the whole message whose header is at `offset` of the unread bytes, once that is there. */
  async messageLength(offset: number, isExpected: (type: number) => boolean): Promise<number> {
    const received = await this.need(offset + HEADER_BYTES);
    const type = received[offset]!;
    const length = received.readUInt32BE(offset + 1);
    if (!isExpected(type) || length < 4 || length > LIMITS.authMessageBytes) {
      const beginning = received.toString('latin1', offset, offset + 200);
      throw new Unreachable('does not answer as PostgreSQL does', {
        cause: new Error(`Unexpected beginning of an answer: ${JSON.stringify(beginning)}`),
      });
    }
    return length + 1;
  }

  /** Waits until the server has ended or closed the connection, however; what it sends is thrown away. */
  async closed(): Promise<void> {
    while (!this.#hasFailed) {
      this.#received = this.#received.subarray(this.#received.length);
      await this.need(1).catch(() => {});
    }
    if (this.#signal.aborted) throw this.#signal.reason;
  }

  /** Gives the socket, not reading and without unread bytes. */
  detach(): ReturnType<SocketChannel['detach']> {
    this.#release();
    return this.channel.detach();
  }

  /** Gives the channel, not started; the unread bytes come first. */
  handOver(): SocketChannel {
    if (this.#hasFailed) throw this.#failure;
    this.#release();
    this.channel.rewind(this.#received);
    return this.channel;
  }

  /** Drops the connection. */
  destroy(): void {
    this.#release();
    this.channel.destroy();
  }

  data(chunk: Buffer): void {
    this.channel.pause();
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#wake?.();
  }

  drain(): void {
    // What is sent here is small and awaited by the answer to it.
  }

  end(): void {
    this.#fail(new Unreachable('closed the connection before the session began'));
  }

  close(error: Error | undefined): void {
    this.#fail(error ?? new Unreachable('closed the connection before the session began'));
  }

  readonly #onAbort = (): void => {
    this.#fail(this.#signal.reason);
    this.channel.destroy();
  };

  #fail(failure: unknown): void {
    if (!this.#hasFailed) this.#failure = failure;
    this.#hasFailed = true;
    this.#wake?.();
  }

  #release(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
