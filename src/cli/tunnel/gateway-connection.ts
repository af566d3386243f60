/**
 * One HTTP/2 connection to the gateway over one TLS socket, and the watch over it: a PING when it was silent
 * for a while, a quick one when something looks wrong. Streams are opened on `h2`; when the connection is
 * over, each of them learns it from there.
 */
import type { TLSSocket } from 'node:tls';
import type { ChannelHandlers } from '../../core/channel.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type SocketChannel, socketChannel } from '../../core/socket-channel.ts';
import { soon } from '../../core/soon.ts';
import { H2Connection } from '../../h2/connection.ts';

/** After our last byte the gateway has this long to close its side. */
const CLOSE_LINGER_MS = 2_000;

export interface GatewayConnectionEvents {
  /** No new streams here; those that exist go on. Called at most once, and not after `over`. */
  goaway(connection: GatewayConnection): void;
  /** Closed. `error` unless it was asked for or ended after GOAWAY with nothing left. Called once. */
  over(connection: GatewayConnection, error: GwError | undefined): void;
}

export class GatewayConnection implements ChannelHandlers {
  readonly h2: H2Connection;
  isOver = false;
  readonly #channel: SocketChannel;
  readonly #events: GatewayConnectionEvents;
  /** Anything arrived since the last look. */
  #heard = true;
  #heardAtMs: number;
  /** Monotonic time by which an answer must have come; undefined while none is awaited. */
  #deadlineMs: number | undefined;
  #hurry: NodeJS.Timeout | undefined;
  #hasGoaway = false;

  constructor(socket: TLSSocket, events: GatewayConnectionEvents, nowMs: number) {
    this.#events = events;
    this.#heardAtMs = nowMs;
    this.#channel = socketChannel(socket);
    this.h2 = new H2Connection(
      'client',
      {
        write: (chunk, released) => this.#channel.writeOwned(chunk, released),
        close: () => this.#closeTransport(),
      },
      {
        maxStreams: LIMITS.tunnelStreams,
        now: () => performance.now(),
        schedule: soon,
        onGoaway: () => this.#goaway(),
        onIdle: () => this.h2.destroy(),
        onClose: (error) => this.#over(error),
      },
    );
    this.#channel.start(this);
  }

  data(chunk: Buffer): void {
    this.#heard = true;
    this.h2.receive(chunk);
  }

  drain(): void {
    this.h2.drained();
  }

  end(): void {
    this.h2.destroy(
      this.#hasGoaway && this.h2.activeStreams === 0 ? undefined : lost('It was closed from there.'),
    );
  }

  close(error: Error | undefined): void {
    clearTimeout(this.#hurry);
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    this.h2.destroy(lost(code ? `It broke (${code}).` : 'It was closed from there.', error));
  }

  /** Looks at the clock; called every few seconds. `nowMs` is monotonic. */
  tick(nowMs: number): void {
    if (this.#heard) {
      this.#heard = false;
      this.#heardAtMs = nowMs;
      this.#deadlineMs = undefined;
    } else if (this.#deadlineMs !== undefined) {
      if (nowMs >= this.#deadlineMs) this.#dead();
    } else if (nowMs - this.#heardAtMs >= LIMITS.tunnelPingIntervalMs) {
      this.#deadlineMs = nowMs + LIMITS.tunnelPingTimeoutMs;
      this.h2.ping();
    }
  }

  /** Something looks wrong: asks the gateway now, and gives it only a few seconds. */
  suspect(): void {
    if (this.#hurry !== undefined || this.isOver) return;
    this.#heard = false;
    this.h2.ping();
    this.#hurry = setTimeout(() => {
      this.#hurry = undefined;
      if (!this.#heard && this.#deadlineMs !== undefined) this.#dead();
    }, LIMITS.tunnelSuspectTimeoutMs);
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Ends it: streams that exist are cut. */
  destroy(): void {
    this.h2.destroy();
  }

  #dead(): void {
    this.h2.destroy(lost('It does not answer any more.'));
    this.#channel.destroy();
  }

  #goaway(): void {
    if (this.#hasGoaway || this.isOver) return;
    this.#hasGoaway = true;
    this.#events.goaway(this);
  }

  #closeTransport(): void {
    this.#channel.end();
    setTimeout(() => this.#channel.destroy(), CLOSE_LINGER_MS).unref();
  }

  #over(error: Error | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.#hurry);
    this.#events.over(this, error && (error instanceof GwError ? error : lost('It broke.', error)));
  }
}

function lost(detail: string, cause?: unknown): GwError {
  return new GwError('gateway_unreachable', 'The connection to the gateway was lost.', { detail, cause });
}
