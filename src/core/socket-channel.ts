// biome-ignore-all lint/complexity/noThisInStatic: the this of a listener is its socket
import { connect, type Socket } from 'node:net';
import type { Channel, ChannelHandlers } from './channel.ts';
import { LIMITS } from './limits.ts';
import { writeCopy } from './write-copy.ts';

/**
 * Channels over sockets: TCP, unix and TLS.
 *
 * A dialled socket reads into one buffer that all dialled sockets of the process share. That is safe because
 * the system call that fills it and the callback that hands it on are one synchronous step of the event loop,
 * and a channel's data is valid only during the call. An idle connection therefore owns no read buffer.
 * Accepted and TLS sockets cannot read that way; they deliver what Node allocated for them.
 */

/** What one read takes at most: enough that a bulk transfer is not bound by the number of system calls. */
const READ_BUFFER_BYTES = 256 * 1024;

let readBuffer: Buffer | undefined;

/** Where to dial. */
export type DialAddress =
  | { readonly host: string; readonly port: number }
  /** A unix socket, or a named pipe. */
  | { readonly path: string };

export interface DialOptions {
  /** Gives up with the signal's reason and closes the socket. No effect once the promise is settled. */
  readonly signal?: AbortSignal | undefined;
}

const CHANNEL = Symbol('channel');
/** A socket that knows its channel, so that the listeners are functions of the class, not closures for each socket. */
type Carrier = Socket & { [CHANNEL]: SocketChannel };

/** A {@link Channel} over a socket. Made by {@link socketChannel} and {@link dialChannel}. */
export class SocketChannel implements Channel {
  readonly #socket: Carrier;
  /** Reads through the shared buffer. */
  readonly #direct: boolean;
  #handlers: ChannelHandlers | undefined;
  /** Read before the present start, to be delivered first. */
  #unread: Buffer | undefined;
  /** The peer's end was met while nobody listened. */
  #owesEnd = false;
  #owesDrain = false;
  #failure: Error | undefined;
  #isPaused = false;
  /** Nothing more is sent: ended, destroyed or closed. */
  #isSealed = false;
  /** By us; nothing but `close` is delivered any more. */
  #isDestroyed = false;
  #isClosed = false;
  #isCloseTold = false;

  constructor(socket: Socket, direct: boolean) {
    this.#socket = Object.assign(socket, { [CHANNEL]: this });
    this.#direct = direct;
    // Listened to from the beginning: an error nobody hears would end the process.
    socket.on('error', SocketChannel.#onError);
    socket.on('close', SocketChannel.#onClose);
    socket.on('drain', SocketChannel.#onDrain);
    socket.on('end', SocketChannel.#onEnd);
  }

  start(handlers: ChannelHandlers): void {
    if (this.#handlers !== undefined) throw new Error('A channel is started once.');
    this.#handlers = handlers;
    if (!this.#direct && !this.#isClosed) {
      this.#socket.pause();
      this.#socket.on('data', SocketChannel.#onData);
    }
    if (this.#unread || this.#owesEnd || this.#isClosed) process.nextTick(() => this.#catchUp());
    else if (!this.#isPaused) this.#read();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isSealed) return true;
    writeCopy(this.#socket, chunk);
    return this.#hasRoom();
  }

  /**
   * As `write`, without the copy: the caller gives `chunk` away, and must not change it before `released` is called
   * (when the system has it, or the socket failed).
   */
  writeOwned(chunk: Uint8Array, released?: () => void): boolean {
    if (this.#isSealed) return true;
    this.#socket.write(chunk, released);
    return this.#hasRoom();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#handlers !== undefined) this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#handlers === undefined || this.#isDestroyed) return;
    if (this.#unread || this.#owesEnd) process.nextTick(() => this.#catchUp());
    else if (!this.#isClosed) this.#read();
  }

  end(): void {
    if (this.#isSealed) return;
    this.#isSealed = true;
    this.#socket.end();
  }

  destroy(): void {
    this.#isSealed = true;
    this.#isDestroyed = true;
    this.#unread = undefined;
    this.#socket.destroy();
  }

  /**
   * Goes back to the state before `start`, for who takes over after an opening dialogue: the next `start`
   * gets `unread` first, then what arrives. Call it paused, from outside the handlers' `data` or last in it.
   *
   * @param unread bytes that were delivered but belong to the successor; the channel keeps the buffer
   */
  rewind(unread: Buffer): void {
    this.#socket.pause();
    this.#socket.off('data', SocketChannel.#onData);
    this.#handlers = undefined;
    this.#isPaused = false;
    if (unread.length > 0) this.#unread = unread;
  }

  /**
   * Lets go of the socket, not reading, so that another protocol layer (TLS) can be put on it. The handlers
   * are not called again and the channel must not be used any more. Only from a state without unread bytes.
   */
  detach(): Socket {
    const socket = this.#socket;
    this.#isPaused = true;
    this.#isSealed = true;
    this.#isDestroyed = true;
    socket.pause();
    socket.off('close', SocketChannel.#onClose);
    socket.off('drain', SocketChannel.#onDrain);
    socket.off('end', SocketChannel.#onEnd);
    socket.off('data', SocketChannel.#onData);
    return socket;
  }

  /** The peer's IP address; undefined for a unix socket and once closed. */
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** What a direct socket calls with the number of bytes it put into the shared buffer. @internal */
  received(buffer: Uint8Array, size: number): boolean {
    if (this.#isDestroyed) return false;
    this.#handlers!.data((buffer as Buffer).subarray(0, size));
    return !this.#isPaused && this.#handlers !== undefined;
  }

  /**
   * On a direct socket `resume()` would also set the stream flowing one tick later, which undoes a `pause()`
   * made in between; `read(0)` only starts the reading.
   */
  #read(): void {
    if (this.#direct) this.#socket.read(0);
    else this.#socket.resume();
  }

  /** Full means: at the socket's high-water mark after the system took what it would. */
  #hasRoom(): boolean {
    if (this.#socket.writableLength < this.#socket.writableHighWaterMark) return true;
    this.#owesDrain = true;
    return false;
  }

  /** Delivers, in order, what came before `start`. A handler may pause, destroy or rewind at any step. */
  #catchUp(): void {
    if (this.#unread !== undefined && !this.#isPaused) {
      const unread = this.#unread;
      this.#unread = undefined;
      this.#handlers?.data(unread);
    }
    if (this.#handlers === undefined || this.#unread !== undefined) return;
    if (this.#owesEnd && !this.#isDestroyed) {
      this.#owesEnd = false;
      this.#handlers.end();
    }
    if (this.#isClosed) this.#tellClose();
    else if (!this.#isPaused && !this.#isDestroyed) this.#read();
  }

  static #onData(this: Carrier, chunk: Buffer): void {
    const channel = this[CHANNEL];
    if (!channel.#isDestroyed) channel.#handlers!.data(chunk);
  }

  static #onDrain(this: Carrier): void {
    const channel = this[CHANNEL];
    if (!channel.#owesDrain || channel.#isSealed) return;
    channel.#owesDrain = false;
    channel.#handlers?.drain();
  }

  static #onEnd(this: Carrier): void {
    const channel = this[CHANNEL];
    if (channel.#isDestroyed) return;
    if (channel.#handlers === undefined || channel.#unread !== undefined) channel.#owesEnd = true;
    else channel.#handlers.end();
  }

  static #onError(this: Carrier, error: Error): void {
    const channel = this[CHANNEL];
    // After our own destroy() a late error is not news.
    if (!channel.#isDestroyed) channel.#failure ??= error;
  }

  static #onClose(this: Carrier): void {
    const channel = this[CHANNEL];
    channel.#isClosed = true;
    channel.#isSealed = true;
    if (channel.#handlers !== undefined && channel.#unread === undefined) channel.#tellClose();
  }

  #tellClose(): void {
    if (this.#isCloseTold) return;
    this.#isCloseTold = true;
    this.#handlers?.close(this.#failure);
  }
}

/**
 * A channel over a connected socket: one a server accepted, or a TLS socket after its handshake. The socket
 * belongs to the channel from then on. Half-open connections are kept: the end of the peer's direction does
 * not end ours.
 */
export function socketChannel(socket: Socket): SocketChannel {
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  socket.setKeepAlive(true, LIMITS.tcpKeepAliveMs);
  return new SocketChannel(socket, false);
}

/**
 * Connects and gives the channel. All addresses of a name are tried, with a short head start each (RFC 8305).
 *
 * @throws the socket's error with its `code` (ECONNREFUSED, ENOTFOUND, …), or the reason of `signal`.
 */
export async function dialChannel(
  address: DialAddress,
  { signal }: DialOptions = {},
): Promise<SocketChannel> {
  signal?.throwIfAborted();
  const { socket, channel } = dialling(address);
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      socket.off('error', onFailure);
    };
    const onConnect = (): void => {
      settle();
      resolve();
    };
    const onFailure = (error: Error): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => {
      channel.destroy();
      onFailure(signal!.reason);
    };
    socket.once('connect', onConnect);
    socket.once('error', onFailure);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  return channel;
}

/** Apart from the rest, because the read callback keeps alive whatever it was made with. */
function dialling(address: DialAddress): { socket: Socket; channel: SocketChannel } {
  readBuffer ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  const socket = connect({
    ...address,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: LIMITS.tcpKeepAliveMs,
    onread: { buffer: readBuffer, callback: (size, buffer) => channel.received(buffer, size) },
  });
  // Before it is connected, so that nothing is read until `start`.
  socket.pause();
  const channel = new SocketChannel(socket, true);
  return { socket, channel };
}
