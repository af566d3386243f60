/**
 * A small PostgreSQL client over the tunnel, for the probe and `gw query`: startup, one simple query at a time,
 * cancel. Messages are read by pg-protocol; what it may collect for one of them is limited here.
 */
import { serialize } from 'pg-protocol';
import type { BackendKeyDataMessage, BackendMessage, DatabaseError } from 'pg-protocol/dist/messages.js';
import { Parser } from 'pg-protocol/dist/parser.js';
import { GwError } from '../../core/errors.ts';
import { databaseError } from './database-error.ts';
import { type SessionHandlers, SessionStream, type Way } from './session-stream.ts';

export interface PgStartup {
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
}

/** Hears every message of the server while a query runs, ReadyForQuery excepted. Must not throw. */
export type OnMessage = (message: BackendMessage) => void;

/** A single value larger than this is for psql and COPY, which stream it. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

interface Waiting {
  resolve(): void;
  reject(error: GwError): void;
  readonly onMessage: OnMessage;
}

export class PgSession implements SessionHandlers {
  readonly #way: Way;
  readonly #stream: SessionStream;
  readonly #parser = new Parser();
  #waiting: Waiting | undefined;
  #failure: GwError | undefined;
  #key: BackendKeyDataMessage | undefined;
  #receivedBytes = 0;
  #handledBytes = 0;

  private constructor(way: Way, startup: PgStartup) {
    this.#way = way;
    const { user, database, applicationName } = startup;
    const packet = serialize.startup({ user, database, application_name: applicationName });
    this.#stream = new SessionStream(way, packet, this);
  }

  /** Opens a session and waits until it is ready. Throws the GwError of whoever refused: gateway or database. */
  static async open(way: Way, startup: PgStartup): Promise<PgSession> {
    const session = new PgSession(way, startup);
    await session.#wait((message) => session.#duringStartup(message));
    return session;
  }

  /** Runs SQL text by the simple protocol. Resolves at ReadyForQuery, also after errors of the SQL; rejects when the session is lost. */
  query(sql: string, onMessage: OnMessage): Promise<void> {
    const done = this.#wait(onMessage);
    if (this.#failure === undefined) this.#stream.write(serialize.query(sql));
    return done;
  }

  /** Refuses to send data for COPY … FROM STDIN. */
  failCopy(reason: string): void {
    this.#stream.write(serialize.copyFail(reason));
  }

  /** Asks the server, on a way of its own, to end what runs (manual 55.2.8). */
  cancel(): void {
    if (this.#key === undefined) return;
    const packet = serialize.cancel(this.#key.processID, this.#key.secretKey);
    const ignored = (): void => {};
    const handlers = { opened: ignored, data: ignored, drain: ignored, end: ignored, close: ignored };
    new SessionStream(this.#way, packet, handlers, false);
  }

  /** Ends the session at once; what waits fails with `interrupted`. */
  abandon(): void {
    this.#fail(new GwError('interrupted', 'Interrupted.'));
  }

  /** Stops and goes on reading, for a reader of the results that is slow. */
  pause(): void {
    this.#stream.pause();
  }
  resume(): void {
    this.#stream.resume();
  }

  /** Says goodbye. */
  terminate(): void {
    if (this.#failure !== undefined) return;
    this.#failure = new GwError('session_ended', 'The session was closed.');
    this.#stream.write(serialize.end());
    this.#stream.end();
  }

  opened(): void {}
  drain(): void {}
  end(): void {
    this.#stream.end();
  }

  data(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    try {
      // The parser keeps what it cannot use yet, and the chunk is valid only now.
      this.#parser.parse(Buffer.from(chunk), (message) => this.#message(message));
    } catch (cause) {
      this.#fail(
        new GwError('protocol_violation', 'The server sent something gw does not understand.', { cause }),
      );
      return;
    }
    if (this.#receivedBytes - this.#handledBytes > MAX_MESSAGE_BYTES) {
      this.#fail(
        new GwError('limit', 'A value in the result is too large for "gw query".', {
          hint: 'Use "gw psql", or COPY … TO STDOUT.',
        }),
      );
    }
  }

  close(error: GwError | undefined): void {
    this.#fail(error ?? new GwError('session_ended', 'The server closed the session.'));
  }

  #message(message: BackendMessage): void {
    this.#handledBytes += message.length + 1;
    if (message.name !== 'readyForQuery') {
      this.#waiting?.onMessage(message);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }

  #duringStartup(message: BackendMessage): void {
    if (message.name === 'backendKeyData') this.#key = message as BackendKeyDataMessage;
    else if (message.name === 'error') this.#fail(databaseError(message as unknown as DatabaseError));
    else if (message.name.startsWith('authentication') && message.name !== 'authenticationOk') {
      this.#fail(new GwError('protocol_violation', 'The gateway asked for a password inside the tunnel.'));
    }
  }

  #wait(onMessage: OnMessage): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, onMessage };
    });
  }

  #fail(error: GwError): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
    this.#stream.destroy();
  }
}
