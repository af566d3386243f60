import { GwError } from '../../core/errors.ts';
import type { SessionFacts } from './types.ts';

/** A session, as far as its registration goes. */
export interface Registered {
  readonly facts: SessionFacts;
  cancel(): Promise<void>;
  reachedEnd(): void;
  finish(error: GwError): void;
}

export interface SessionLimits {
  readonly sessions: number;
  readonly perIdentity: number;
}

/**
 * The sessions of this gateway: how many there may be, which one a cancel key belongs to, which have reached
 * their end. A key is the gateway's own, so a client never learns the database's.
 */
export class SessionRegistry {
  readonly #sessions = new Set<Registered>();
  readonly #keys = new Map<number, { session: Registered; secret: Buffer }>();
  readonly #byIdentity = new Map<string, number>();
  #limits: SessionLimits;
  #closed: GwError | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  set limits(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** @throws GwError `too_many_sessions`, or the reason why no new session is taken. */
  add(session: Registered, identityId: string): void {
    if (this.#closed) throw this.#closed;
    const own = this.#byIdentity.get(identityId) ?? 0;
    if (this.#sessions.size >= this.#limits.sessions) {
      throw new GwError(
        'too_many_sessions',
        `This gateway has ${this.#sessions.size} sessions: no more are allowed.`,
        {
          hint: 'Try again later, or raise limits.sessions in the configuration of the gateway.',
        },
      );
    }
    if (own >= this.#limits.perIdentity) {
      throw new GwError(
        'too_many_sessions',
        `You have ${own} sessions at this gateway: no more are allowed.`,
        {
          hint: 'Close some, or ask for a higher limits.sessions_per_identity.',
        },
      );
    }
    this.#byIdentity.set(identityId, own + 1);
    this.#sessions.add(session);
  }

  remove(session: Registered, identityId: string): void {
    if (!this.#sessions.delete(session)) return;
    const own = (this.#byIdentity.get(identityId) ?? 1) - 1;
    if (own > 0) this.#byIdentity.set(identityId, own);
    else this.#byIdentity.delete(identityId);
    if (this.#sessions.size === 0) for (const done of this.#whenEmpty.splice(0)) done();
  }

  /** Gives the session a process number nobody else has. */
  addKey(session: Registered, secret: Buffer, randomProcessId: () => number): number {
    let processId = randomProcessId();
    while (this.#keys.has(processId)) processId = randomProcessId();
    this.#keys.set(processId, { session, secret });
    return processId;
  }

  removeKey(processId: number): void {
    this.#keys.delete(processId);
  }

  /** The session a CancelRequest names, or undefined; as in PostgreSQL the asker is not told which. */
  find(processId: number, secret: Buffer, equal: (a: Buffer, b: Buffer) => boolean): Registered | undefined {
    const entry = this.#keys.get(processId);
    return entry && entry.secret.length === secret.length && equal(entry.secret, secret)
      ? entry.session
      : undefined;
  }

  of(identityId: string): Registered[] {
    return [...this.#sessions].filter((session) => session.facts.identity.id === identityId);
  }

  /** Ends the sessions whose time has come. Called several times a second. */
  sweep(nowMs: number): void {
    for (const session of this.#sessions) if (nowMs >= session.facts.endsAtMs) session.reachedEnd();
  }

  /** From now on `add` throws `reason`. */
  close(reason: GwError): void {
    this.#closed = reason;
  }

  endAll(reason: GwError): void {
    for (const session of this.#sessions) session.finish(reason);
  }

  whenEmpty(): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((done) => this.#whenEmpty.push(done));
  }
}
