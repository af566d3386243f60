/**
 * Keeps one connection to the gateway for all local connections. Lost or asked to leave (GOAWAY), it is replaced:
 * one attempt at a time, with growing pauses and jitter, so that a gateway that comes back is not run over by
 * everybody at once. Whoever needs the connection meanwhile waits, up to a limit, and shortens the pause.
 */
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { GatewayConnection, type GatewayConnectionEvents } from './gateway-connection.ts';

/** The owner calls `tick` this often. */
export const TICK_MS = 5_000;
/** A connection that lived shorter does not end a row of failures. */
const STEADY_MS = 5_000;
/** With somebody waiting, the next attempt comes at most this long after the last. */
const HURRIED_PAUSE_MS = 1_000;

export interface LinkEvents {
  /** The connection is gone, or could not be replaced; called once until `up`. */
  down(error: GwError): void;
  up(): void;
}

interface Waiter {
  resolve(connection: GatewayConnection): void;
  reject(error: GwError): void;
  readonly timer: NodeJS.Timeout;
}

interface Pause {
  readonly sinceMs: number;
  dueMs: number;
  timer: NodeJS.Timeout;
  readonly wake: () => void;
}

export class Link implements GatewayConnectionEvents {
  readonly #dial: (signal: AbortSignal) => Promise<TLSSocket>;
  readonly #clock: Clock;
  readonly #events: LinkEvents;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  readonly #all = new Set<GatewayConnection>();
  readonly #waiters = new Set<Waiter>();
  #current: GatewayConnection | undefined;
  #liveSinceMs = 0;
  #isConnecting = false;
  #failures = 0;
  #lastError: GwError | undefined;
  #isDown = false;
  #tickedAtMs: number;
  /** While waiting for the next attempt: when the pause began, and how to end it. */
  #pause: Pause | undefined;

  constructor(
    dial: (signal: AbortSignal) => Promise<TLSSocket>,
    clock: Clock,
    events: LinkEvents,
    random: () => number = Math.random,
  ) {
    this.#dial = dial;
    this.#clock = clock;
    this.#events = events;
    this.#random = random;
    this.#tickedAtMs = clock.now();
  }

  /** The connection for new streams, if there is one now. */
  get live(): GatewayConnection | undefined {
    if (this.#current !== undefined) this.#noticeSleep();
    return this.#current;
  }

  /** The first connection: one attempt. Throws what {@link dialGateway} throws. */
  async connect(): Promise<void> {
    this.#isConnecting = true;
    try {
      this.#adopt(await this.#dial(this.#stop.signal));
    } finally {
      this.#isConnecting = false;
    }
  }

  /**
   * The connection, waited for.
   * @throws GwError with the reason of the last failed attempt once `waitMs` have passed, or `shutting_down`
   */
  whenLive(waitMs: number): Promise<GatewayConnection> {
    const live = this.live;
    if (live !== undefined) return Promise.resolve(live);
    if (this.#stop.signal.aborted) return Promise.reject(this.#stop.signal.reason);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#lastError ?? unanswered());
      }, waitMs);
      const waiter: Waiter = { resolve, reject, timer };
      this.#waiters.add(waiter);
      this.#reconnect(0);
      this.#hurry();
    });
  }

  /** Looks at the clock; called every {@link TICK_MS}. */
  tick(): void {
    this.#noticeSleep();
    this.#tickedAtMs = this.#clock.now();
    const now = this.#clock.monotonic();
    for (const connection of this.#all) connection.tick(now);
  }

  /** A stream waits oddly long for its answer: is the gateway still there? */
  suspect(): void {
    this.#current?.suspect();
  }

  /** Ends everything; streams that exist are cut, who waits is refused with `reason`. */
  close(reason: GwError): void {
    this.#stop.abort(reason);
    this.#pause?.wake();
    this.#current = undefined;
    for (const waiter of this.#take()) waiter.reject(reason);
    for (const connection of this.#all) connection.destroy();
  }

  goaway(connection: GatewayConnection): void {
    this.#retire(connection);
  }

  over(connection: GatewayConnection, error: GwError | undefined): void {
    this.#all.delete(connection);
    const wasCurrent = connection === this.#current;
    if (error !== undefined && wasCurrent) this.#tellDown(error);
    this.#retire(connection);
  }

  /** No new streams on it: a successor is sought, a little later than everybody else's unless somebody waits. */
  #retire(connection: GatewayConnection): void {
    if (connection !== this.#current) return;
    this.#current = undefined;
    if (this.#clock.monotonic() - this.#liveSinceMs >= STEADY_MS) this.#failures = 0;
    else this.#failures++;
    this.#reconnect(this.#failures === 0 ? LIMITS.tunnelRetryMinMs * this.#random() : this.#backoffMs());
  }

  /** The machine slept if the wall clock went on much further than our timer; then the peer may have left. */
  #noticeSleep(): void {
    const behindMs = this.#clock.now() - this.#tickedAtMs - TICK_MS;
    if (behindMs < LIMITS.tunnelSleepDriftMs) return;
    this.#tickedAtMs = this.#clock.now();
    for (const connection of this.#all) connection.suspect();
  }

  #reconnect(firstPauseMs: number): void {
    if (this.#isConnecting || this.#current !== undefined || this.#stop.signal.aborted) return;
    this.#isConnecting = true;
    void this.#tryUntilLive(firstPauseMs);
  }

  async #tryUntilLive(firstPauseMs: number): Promise<void> {
    for (let pauseMs = firstPauseMs; ; pauseMs = this.#backoffMs()) {
      await this.#sleep(pauseMs);
      if (this.#stop.signal.aborted) return;
      try {
        const socket = await this.#dial(this.#stop.signal);
        this.#isConnecting = false;
        this.#adopt(socket);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#failures++;
        this.#tellDown(asGwError(error));
      }
    }
  }

  #adopt(socket: TLSSocket): void {
    if (this.#stop.signal.aborted) {
      socket.on('error', () => {}).destroy();
      return;
    }
    const now = this.#clock.monotonic();
    const connection = new GatewayConnection(socket, this, now);
    this.#all.add(connection);
    this.#current = connection;
    this.#liveSinceMs = now;
    this.#lastError = undefined;
    if (this.#isDown) {
      this.#isDown = false;
      this.#events.up();
    }
    for (const waiter of this.#take()) waiter.resolve(connection);
  }

  #tellDown(error: GwError): void {
    this.#lastError = error;
    if (this.#isDown || this.#stop.signal.aborted) return;
    this.#isDown = true;
    this.#events.down(error);
  }

  #take(): Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) clearTimeout(waiter.timer);
    return waiters;
  }

  #backoffMs(): number {
    const longest = Math.min(LIMITS.tunnelRetryMinMs * 2 ** this.#failures, LIMITS.tunnelRetryMaxMs);
    return longest * (0.5 + this.#random() / 2);
  }

  #sleep(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(this.#pause?.timer);
        this.#pause = undefined;
        resolve();
      };
      const sinceMs = this.#clock.monotonic();
      this.#pause = { sinceMs, dueMs: sinceMs + ms, timer: setTimeout(wake, ms), wake };
      if (this.#waiters.size > 0) this.#hurry();
    });
  }

  /** Somebody waits: shortens the pause. */
  #hurry(): void {
    const pause = this.#pause;
    if (pause === undefined) return;
    const now = this.#clock.monotonic();
    const dueMs = pause.sinceMs + (this.#failures === 0 ? 0 : HURRIED_PAUSE_MS);
    if (dueMs <= now) {
      pause.wake();
    } else if (dueMs < pause.dueMs) {
      clearTimeout(pause.timer);
      pause.dueMs = dueMs;
      pause.timer = setTimeout(pause.wake, dueMs - now);
    }
  }
}

function unanswered(): GwError {
  return new GwError('gateway_unreachable', 'The gateway does not answer.', {
    hint: 'gw goes on trying. Run "gw doctor" to see which step of the way fails.',
  });
}
