import type { ChannelHandlers } from '../../../src/core/channel.ts';
import { H2Connection } from '../../../src/h2/connection.ts';
import { FRAME, HEADER_BYTES, PREFACE, writeHeader, writeUint32 } from '../../../src/h2/frames.ts';
import { encodeHeaders } from '../../../src/h2/hpack-encoder.ts';
import type { H2Options, H2Stream, H2Transport, Headers } from '../../../src/h2/types.ts';

/** Turns that run when the test says so. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  /** How often a turn was asked for. */
  asked = 0;

  readonly schedule = (turn: () => void): void => {
    this.asked++;
    this.#waiting.push(turn);
  };

  /** Runs what waits, and what comes of it. */
  run(): void {
    for (let i = 0; this.#waiting.length > 0; i++) {
      if (i > 100_000) throw new Error('Turns do not come to rest.');
      this.#waiting.shift()!();
    }
  }

  runOne(): void {
    this.#waiting.shift()?.();
  }
}

/** A transport that keeps what is written until it is taken. */
export class Pipe implements H2Transport {
  writes: Buffer[] = [];
  size = 0;
  closed = false;
  closeError: Error | undefined;
  /** `write` returns false while more than this waits. */
  highWaterBytes = Number.POSITIVE_INFINITY;
  owesDrain = false;
  #released: (() => void)[] = [];

  write(chunk: Buffer, released?: () => void): boolean {
    this.writes.push(chunk);
    this.size += chunk.length;
    if (released) this.#released.push(released);
    if (this.size < this.highWaterBytes) return true;
    this.owesDrain = true;
    return false;
  }

  close(error: Error | undefined): void {
    this.closed = true;
    this.closeError = error;
  }

  /** A copy of all that waits; their memory goes back to the connection. */
  take(): Buffer {
    const bytes = Buffer.concat(this.writes);
    this.writes = [];
    this.size = 0;
    for (const release of this.#released) release();
    this.#released = [];
    return bytes;
  }
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** Splits whole frames; a client's preface in front is skipped. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  const start = bytes.subarray(0, PREFACE.length).equals(PREFACE) ? PREFACE.length : 0;
  for (let at = start; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    if (payload.length < length) throw new Error('A frame is not whole.');
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, id: bytes.readUInt32BE(at + 5), payload });
    at += HEADER_BYTES + length;
  }
  return frames;
}

export const isProbe = (payload: Buffer): boolean => payload.toString().startsWith('gw-trip');

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, payload.length, type, flags, id);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export const uint32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) writeUint32(bytes, i * 4, value);
  return bytes;
};

export const SETTINGS = frame(FRAME.SETTINGS, 0, 0);
export const CONNECT: Headers = { ':method': 'CONNECT', ':authority': 'db:5432', authorization: 'Bearer t' };

/** HEADERS in one frame, ended. */
export const headersFrame = (id: number, headers: Headers, flags = 0x4): Buffer =>
  frame(FRAME.HEADERS, flags, id, encodeHeaders(headers));

export const dataFrame = (id: number, text: string | Buffer, flags = 0): Buffer =>
  frame(FRAME.DATA, flags, id, typeof text === 'string' ? Buffer.from(text) : text);

/** Writes down what a stream's owner hears, copying the data. */
export class Ear implements ChannelHandlers {
  chunks: Buffer[] = [];
  drains = 0;
  ended = false;
  /** How often `close` was called; `error` is what it said. */
  closes = 0;
  error: Error | undefined;
  /** Anything after `close` is a fault. */
  late = false;

  data(chunk: Buffer): void {
    this.late ||= this.closes > 0 || this.ended;
    this.chunks.push(Buffer.from(chunk));
  }
  drain(): void {
    this.late ||= this.closes > 0;
    this.drains++;
  }
  end(): void {
    this.late ||= this.closes > 0 || this.ended;
    this.ended = true;
  }
  close(error: Error | undefined): void {
    this.closes++;
    this.error = error;
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  get text(): string {
    return this.bytes.toString();
  }
}

export interface Accepted {
  readonly stream: H2Stream;
  readonly headers: Headers;
  readonly ear: Ear;
}

/** One connection of ours with everything it says. */
export class End {
  readonly pipe = new Pipe();
  readonly turns = new Turns();
  readonly h2: H2Connection;
  readonly accepted: Accepted[] = [];
  nowMs = 0;
  pongs = 0;
  idles = 0;
  goaways: number[] = [];
  closes: (Error | undefined)[] = [];

  constructor(role: 'client' | 'server', options: Partial<H2Options> & { answer?: boolean } = {}) {
    const { answer = true, ...rest } = options;
    this.h2 = new H2Connection(role, this.pipe, {
      now: () => this.nowMs,
      schedule: this.turns.schedule,
      onPong: () => this.pongs++,
      onIdle: () => this.idles++,
      onGoaway: (code) => this.goaways.push(code),
      onClose: (error) => this.closes.push(error),
      onStream: (stream, headers) => {
        const ear = new Ear();
        this.accepted.push({ stream, headers, ear });
        if (!answer) return;
        stream.respond(200);
        stream.start(ear);
      },
      ...rest,
    });
  }

  /** Feeds bytes and runs the turns. */
  feed(...chunks: Buffer[]): void {
    for (const chunk of chunks) this.h2.receive(chunk);
    this.turns.run();
  }

  /** Frames sent since the last look, without the PINGs that measure the round trip. */
  sent(): Frame[] {
    this.turns.run();
    return framesOf(this.pipe.take()).filter(({ type, payload }) => type !== FRAME.PING || !isProbe(payload));
  }

  /** The error code of the GOAWAY among what was sent, if one was. */
  goawayCode(): number | undefined {
    return this.sent()
      .findLast(({ type }) => type === FRAME.GOAWAY)
      ?.payload.readUInt32BE(4);
  }

  /** Tells the connection that the transport has room. */
  drain(): void {
    if (!this.pipe.owesDrain) return;
    this.pipe.owesDrain = false;
    this.h2.drained();
  }
}

/** A server that has seen preface and SETTINGS of its client, and whose greeting is taken away. */
export function greetedServer(options: Partial<H2Options> & { answer?: boolean } = {}): End {
  const server = new End('server', options);
  server.feed(PREFACE, SETTINGS);
  server.sent();
  return server;
}

export function greetedClient(options: Partial<H2Options> = {}): End {
  const client = new End('client', options);
  client.feed(SETTINGS);
  client.sent();
  return client;
}

/** Two connections of ours, joined: carries bytes to and fro until nothing moves. */
export class Pair {
  readonly client: End;
  readonly server: End;

  constructor(client: Partial<H2Options> = {}, server: Partial<H2Options> & { answer?: boolean } = {}) {
    this.client = new End('client', client);
    this.server = new End('server', server);
  }

  settle(): void {
    for (let moved = true; moved; ) {
      this.client.turns.run();
      this.server.turns.run();
      moved = this.carry(this.client, this.server) || this.carry(this.server, this.client);
    }
  }

  /** Carries what waits in one direction. */
  carry(from: End, to: End): boolean {
    const bytes = from.pipe.take();
    if (bytes.length > 0) to.h2.receive(bytes);
    from.drain();
    return bytes.length > 0;
  }

  open(): { stream: H2Stream; ear: Ear; status: () => number } {
    let status = 0;
    const stream = this.client.h2.open(CONNECT, (code) => {
      status = code;
    });
    const ear = new Ear();
    stream.start(ear);
    return { stream, ear, status: () => status };
  }
}
