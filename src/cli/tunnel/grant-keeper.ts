/**
 * Keeps a session grant at hand. It is renewed at 80 % of its life, in the background, one request at a time,
 * so that a local connection never waits for it; when that fails, the failure is told once and each local
 * connection is refused with its reason until a later attempt succeeds (after `gw login` in another window,
 * say). Times of the gateway are used only as differences, so a wrong local clock does no harm.
 */
import type { SessionGrant } from '../../contract/api.ts';
import type { Clock } from '../../core/clock.ts';
import { asGwError, type ErrorCode, type GwError } from '../../core/errors.ts';

/** Where session grants come from; the gateway client is one. */
export interface GrantSource {
  sessionGrant(target: string): Promise<SessionGrant>;
}

export interface GrantEvents {
  /** Renewal failed; called once for each new kind of failure, again only after a success. */
  problem(error: GwError): void;
  /** Renewal works again after a problem. */
  recovered(): void;
  /** The absolute end has come and no later one was granted. Called once. */
  ended(): void;
}

const RENEW_AT = 0.8;
/** A grant near its absolute end has little life left: do not ask for the next one all the time. */
const RENEW_MIN_MS = 30_000;
/** Local connections that come this soon after a failure share it instead of asking again. */
const FAILURE_SHARED_MS = 1_000;
/** In the background it is tried again after growing pauses. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Failures that asking again does not mend by itself; only a local connection asks again then. */
const NEEDS_A_PERSON = new Set<ErrorCode>(['not_signed_in', 'wrong_credential', 'denied', 'unknown_target']);

interface Held {
  readonly grant: SessionGrant;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
}

export class GrantKeeper {
  readonly #target: string;
  readonly #source: GrantSource;
  readonly #clock: Clock;
  readonly #events: GrantEvents;
  #held: Held | undefined;
  #asking: Promise<SessionGrant> | undefined;
  #failure: GwError | undefined;
  #failures = 0;
  #failedAtMs = 0;
  #retryAtMs = 0;
  #hasEnded = false;

  constructor(target: string, source: GrantSource, clock: Clock, events: GrantEvents) {
    this.#target = target;
    this.#source = source;
    this.#clock = clock;
    this.#events = events;
  }

  /** The grant, if it is good now. The way of nearly every local connection: no promise, no wait. */
  current(): SessionGrant | undefined {
    return this.#held && this.#clock.now() < this.#held.expiresAtMs ? this.#held.grant : undefined;
  }

  /** When sessions of the grant end, by the local clock (ms since the epoch); undefined before the first grant. */
  get endsAtMs(): number | undefined {
    return this.#held?.endsAtMs;
  }

  /** The grant, asked for if need be. Throws what the source threw, the same for all who wait. */
  async get(): Promise<SessionGrant> {
    const grant = this.current();
    if (grant) return grant;
    const isFresh = this.#clock.now() - this.#failedAtMs < FAILURE_SHARED_MS;
    if (this.#failure && isFresh && !this.#asking) throw this.#failure;
    return this.#ask();
  }

  /** The gateway refused this grant (its keys changed, it was revoked): do not use it again. */
  reject(token: string): void {
    if (this.#held?.grant.token !== token) return;
    this.#held = { ...this.#held, expiresAtMs: 0, renewAtMs: 0 };
  }

  /** Looks at the clock; called every few seconds. */
  tick(): void {
    const held = this.#held;
    if (!held || this.#hasEnded) return;
    const now = this.#clock.now();
    if (now >= held.endsAtMs && !this.#asking) {
      // One last question: a renewal may have been missed while the machine slept.
      void this.#ask().catch(() => this.#end());
    } else if (now >= held.renewAtMs && now >= this.#retryAtMs && this.#mayRetry()) {
      void this.#ask().catch(() => {});
    }
  }

  #mayRetry(): boolean {
    return this.#failure === undefined || !NEEDS_A_PERSON.has(this.#failure.code);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#events.ended();
  }

  #ask(): Promise<SessionGrant> {
    this.#asking ??= this.#source
      .sessionGrant(this.#target)
      .then(
        (grant) => this.#keep(grant),
        (error: unknown) => this.#fail(asGwError(error)),
      )
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  #keep(grant: SessionGrant): SessionGrant {
    const now = this.#clock.now();
    const issued = Date.parse(grant.issued_at);
    const life = Date.parse(grant.expires_at) - issued;
    this.#held = {
      grant,
      renewAtMs: now + Math.max(life * RENEW_AT, Math.min(life, RENEW_MIN_MS)),
      expiresAtMs: now + life,
      endsAtMs: now + Date.parse(grant.ends_at) - issued,
    };
    const hadFailed = this.#failure !== undefined;
    this.#failure = undefined;
    this.#failures = 0;
    this.#retryAtMs = 0;
    if (hadFailed) this.#events.recovered();
    if (now >= this.#held.endsAtMs) this.#end();
    return grant;
  }

  #fail(error: GwError): never {
    const isNew = this.#failure?.code !== error.code;
    this.#failure = error;
    this.#failedAtMs = this.#clock.now();
    this.#retryAtMs = this.#failedAtMs + Math.min(RETRY_MIN_MS * 2 ** this.#failures, RETRY_MAX_MS);
    this.#failures++;
    // Before there is a first grant, whoever asked reports it.
    if (isNew && this.#held) this.#events.problem(error);
    throw error;
  }
}
