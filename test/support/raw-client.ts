import { connect, type Socket } from 'node:net';
import { decodeBackendKeyData } from '../../src/wire/backend.ts';
import { startup } from '../../src/wire/build-frontend.ts';
import { decodeErrorResponse, type NoticeFields } from '../../src/wire/notice-fields.ts';

/** A client that sends exactly what it is told and keeps every message it gets. */
export interface RawMessage {
  /** `Z`, `E`, `D`… */
  readonly type: string;
  readonly body: Buffer;
}

export class RawClient {
  readonly socket: Socket;
  readonly messages: RawMessage[] = [];
  processId = 0;
  secret: Buffer = Buffer.alloc(0);
  closed = false;
  #bytes = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  /** Connects and signs in where no password is asked for. */
  static async connect(
    port: number,
    parameters: [string, string][] = [
      ['user', 'tester'],
      ['database', 'postgres'],
    ],
    version?: { major: number; minor: number },
  ): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new RawClient(socket);
    client.send(startup(parameters, version));
    await client.until('Z', 1, true);
    return client;
  }

  send(...messages: Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  /** Waits for `count` messages of a type since the last call, takes everything up to there, gives its types. */
  async until(type: string, count = 1, orClosed = false): Promise<string> {
    return (await this.take(type, count, orClosed)).map((message) => message.type).join('');
  }

  async take(type: string, count = 1, orClosed = false): Promise<RawMessage[]> {
    for (;;) {
      let seen = 0;
      const at = this.messages.findIndex((message) => message.type === type && ++seen === count);
      if (at >= 0) return this.messages.splice(0, at + 1);
      if (this.closed) {
        if (orClosed) return this.messages.splice(0);
        throw new Error(`closed before ${count} × ${type}; got ${this.messages.map((m) => m.type).join('')}`);
      }
      await new Promise<void>((wake) => this.#wake.push(wake));
    }
  }

  async untilClosed(): Promise<RawMessage[]> {
    while (!this.closed) await new Promise<void>((wake) => this.#wake.push(wake));
    return this.messages.splice(0);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 5 && this.#bytes.length >= this.#bytes.readInt32BE(1) + 1) {
      const end = this.#bytes.readInt32BE(1) + 1;
      const message = {
        type: String.fromCharCode(this.#bytes[0]!),
        body: Buffer.from(this.#bytes.subarray(5, end)),
      };
      this.#bytes = this.#bytes.subarray(end);
      if (message.type === 'K') {
        const key = decodeBackendKeyData(message.body);
        this.processId = key.processId;
        this.secret = Buffer.from(key.secret);
      }
      this.messages.push(message);
    }
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** The fields of the first ErrorResponse among messages. */
export function errorIn(messages: readonly RawMessage[]): NoticeFields | undefined {
  const error = messages.find(({ type }) => type === 'E');
  return error && decodeErrorResponse(error.body);
}
