/**
 * One session's way through the tunnel: an HTTP/2 CONNECT stream with the session grant. It opens itself: waits
 * for a grant and for the connection when they are not at hand, sends the startup packet along with the
 * request (one round trip saved), and begins again when the connection was lost, or the grant refused, before
 * the gateway answered. Once it answered 200 the bytes of both directions pass untouched.
 */
import { API_VERSION, API_VERSION_HEADER } from '../../contract/api.ts';
import { tunnelAuthority } from '../../contract/tunnel.ts';
import type { ChannelHandlers } from '../../core/channel.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { H2Error } from '../../h2/errors.ts';
import type { H2Stream } from '../../h2/types.ts';
import type { GatewayConnection } from './gateway-connection.ts';
import type { GrantKeeper } from './grant-keeper.ts';
import type { Link } from './link.ts';
import { refusedBy } from './refusal.ts';

/** What all sessions of a tunnel share. */
export interface Way {
  readonly target: string;
  readonly link: Link;
  readonly grants: GrantKeeper;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface SessionHandlers extends ChannelHandlers {
  /** The gateway accepted the session: its first bytes may come. */
  opened(): void;
  /** Closed, once and last. With the reason when it was refused, could not be opened, or was lost. */
  close(error: GwError | undefined): void;
}

const OK = 200;

export class SessionStream {
  readonly way: Way;
  readonly handlers: SessionHandlers;
  readonly #mayRepeat: boolean;
  readonly #deadlineMs: number;
  /** The startup or cancel packet, kept until the gateway answered. */
  #first: Buffer | undefined;
  #attempt: Attempt | undefined;
  #hasNewGrant = false;
  #isClosed = false;

  /** @param mayRepeat false for a packet that must not arrive twice: a cancel request could hit the next statement */
  constructor(way: Way, first: Buffer, handlers: SessionHandlers, mayRepeat = true) {
    this.way = way;
    this.handlers = handlers;
    this.#first = first;
    this.#mayRepeat = mayRepeat;
    this.#deadlineMs = way.now() + LIMITS.tunnelWaitMs;
    this.#open();
  }

  /** As of a Channel, but only after `opened`. */
  write(chunk: Uint8Array): boolean {
    return this.#attempt!.stream.write(chunk);
  }
  pause(): void {
    this.#attempt?.stream.pause();
  }
  resume(): void {
    this.#attempt?.stream.resume();
  }
  end(): void {
    this.#attempt?.stream.end();
  }
  /** At once; `close` is called later. */
  destroy(): void {
    if (this.#attempt) this.#attempt.stream.destroy();
    else process.nextTick(() => this.#close(undefined));
  }

  answered(): void {
    this.#first = undefined;
    this.handlers.opened();
  }

  /** The attempt is over before the gateway opened the session: another one, or the end. */
  failed(attempt: Attempt, error: GwError | undefined, isLost: boolean): void {
    if (attempt !== this.#attempt) return;
    this.#attempt = undefined;
    if (error?.code === 'not_signed_in' || error?.code === 'expired') {
      this.way.grants.reject(attempt.token);
      if (!this.#hasNewGrant) {
        this.#hasNewGrant = true;
        this.#open();
        return;
      }
    }
    const mayRepeat = isLost && this.#mayRepeat && this.way.now() < this.#deadlineMs;
    if (!mayRepeat) {
      this.#close(error);
      return;
    }
    setImmediate(() => {
      // The link learns of a loss after its streams. If it did not, this connection lives but takes no more streams.
      if (this.way.link.live === attempt.connection) this.#close(error);
      else if (!this.#isClosed) this.#open();
    });
  }

  /** An open session is over. */
  over(attempt: Attempt, error: GwError | undefined): void {
    if (attempt === this.#attempt) this.#close(error);
  }

  #open(): void {
    const connection = this.way.link.live;
    const grant = this.way.grants.current();
    if (connection !== undefined && grant !== undefined) this.#request(connection, grant.token);
    else void this.#wait();
  }

  async #wait(): Promise<void> {
    try {
      const grant = await this.way.grants.get();
      const connection = await this.way.link.whenLive(Math.max(0, this.#deadlineMs - this.way.now()));
      if (!this.#isClosed) this.#request(connection, grant.token);
    } catch (error) {
      this.#close(asGwError(error));
    }
  }

  #request(connection: GatewayConnection, token: string): void {
    const attempt = new Attempt(this, connection, token);
    try {
      attempt.stream = connection.h2.open(
        {
          ':method': 'CONNECT',
          ':authority': tunnelAuthority(this.way.target),
          authorization: `Bearer ${token}`,
          [API_VERSION_HEADER]: String(API_VERSION),
        },
        (status) => attempt.answered(status),
      );
    } catch (error) {
      this.#close(asGwError(error));
      return;
    }
    this.#attempt = attempt;
    attempt.stream.write(this.#first!);
    attempt.stream.start(attempt);
  }

  #close(error: GwError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#first = undefined;
    this.handlers.close(error);
  }
}

/** One stream, from the request to its end. */
class Attempt implements ChannelHandlers {
  readonly connection: GatewayConnection;
  readonly token: string;
  stream!: H2Stream;
  readonly #session: SessionStream;
  readonly #handlers: SessionHandlers;
  /** Of the gateway's answer; 0 until it came. */
  #status = 0;
  /** The body of an answer other than 200. */
  #refusal: Buffer | undefined;

  constructor(session: SessionStream, connection: GatewayConnection, token: string) {
    this.#session = session;
    this.#handlers = session.handlers;
    this.connection = connection;
    this.token = token;
  }

  answered(status: number): void {
    this.#status = status;
    if (status === OK) this.#session.answered();
    else this.#refusal = Buffer.alloc(0);
  }

  data(chunk: Buffer): void {
    if (this.#refusal === undefined) this.#handlers.data(chunk);
    else if (this.#refusal.length < LIMITS.apiBodyBytes)
      this.#refusal = Buffer.concat([this.#refusal, chunk]);
  }

  drain(): void {
    if (this.#status === OK) this.#handlers.drain();
  }

  end(): void {
    if (this.#status === OK) this.#handlers.end();
    // A refusal is complete; `close` follows.
    else this.stream.destroy();
  }

  close(error: Error | undefined): void {
    const reason = error && asGwError(error);
    if (this.#status === OK) {
      this.#session.over(this, reason);
    } else if (this.#refusal !== undefined) {
      this.#session.failed(this, refusedBy(this.#status, this.#refusal), false);
    } else {
      const isLost = error !== undefined && (!(error instanceof H2Error) || error.untouched);
      this.#session.failed(this, reason ?? unanswered(), isLost);
    }
  }
}

function unanswered(): GwError {
  return new GwError('gateway_unreachable', 'The gateway closed the session before it answered.');
}
