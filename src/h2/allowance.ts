import { fault } from './errors.ts';
import { CODE } from './frames.ts';
import type { Allowance } from './limits.ts';
import { H2_LIMITS } from './limits.ts';

/** Counts one kind of event against its allowance; more than that ends the connection. */
export class Meter {
  readonly #allowance: Allowance;
  readonly #what: string;
  readonly #now: () => number;
  #left: number;
  #at: number;

  constructor(allowance: Allowance, what: string, now: () => number) {
    this.#allowance = allowance;
    this.#what = what;
    this.#now = now;
    this.#left = allowance.burst;
    this.#at = now();
  }

  /** Throws a ConnectionFault ENHANCE_YOUR_CALM when the allowance is used up. */
  count(): void {
    if (this.#left < 1) this.#refill();
    if (this.#left < 1) fault(CODE.ENHANCE_YOUR_CALM, `The peer sends too many ${this.#what}.`);
    this.#left -= 1;
  }

  #refill(): void {
    const now = this.#now();
    const gained = ((now - this.#at) / 1_000) * this.#allowance.perSecond;
    this.#left = Math.min(this.#allowance.burst, this.#left + gained);
    this.#at = now;
  }
}

export type Meters = ReturnType<typeof createMeters>;

/** One meter for each allowance of a connection. */
export function createMeters(now: () => number) {
  const meter = (allowance: Allowance, what: string): Meter => new Meter(allowance, what, now);
  return {
    hastyResets: meter(H2_LIMITS.hastyResets, 'streams that come to nothing'),
    resets: meter(H2_LIMITS.resets, 'stream resets'),
    settingsFrames: meter(H2_LIMITS.settingsFrames, 'SETTINGS frames'),
    pings: meter(H2_LIMITS.pings, 'PING frames'),
    emptyData: meter(H2_LIMITS.emptyData, 'empty DATA frames'),
    ignoredFrames: meter(H2_LIMITS.ignoredFrames, 'frames without a use'),
    windowUpdates: meter(H2_LIMITS.windowUpdates, 'WINDOW_UPDATE frames'),
  };
}
