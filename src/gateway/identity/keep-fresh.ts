import type { Clock } from '../../core/clock.ts';

/**
 * One value that is fetched from elsewhere and kept: fetched by one caller at a time, again when it is old,
 * and at most once per cool-down. When fetching fails the old value is used for a bounded time.
 */
export interface Kept<T> {
  /** The value; rejects with the last error when there is none that is young enough. */
  get(): Promise<T>;
  /** Fetches it anew, unless that was tried within the cool-down. */
  renew(): Promise<T>;
}

export interface KeepOptions<T> {
  readonly load: () => Promise<T>;
  readonly clock: Clock;
  readonly freshMs: number;
  readonly staleMs: number;
  readonly cooldownMs: number;
}

export function keepFresh<T>({ load, clock, freshMs, staleMs, cooldownMs }: KeepOptions<T>): Kept<T> {
  let kept: { readonly value: T; readonly atMs: number } | undefined;
  let failure: unknown;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let loading: Promise<T> | undefined;

  const age = () => (kept === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() - kept.atMs);
  const oldOne = (): T => {
    if (kept !== undefined && age() < staleMs) return kept.value;
    throw failure;
  };
  const fetch = (): Promise<T> => {
    loading ??= attempt().finally(() => {
      loading = undefined;
    });
    return loading;
  };
  async function attempt(): Promise<T> {
    triedAtMs = clock.monotonic();
    try {
      const value = await load();
      kept = { value, atMs: clock.monotonic() };
      return value;
    } catch (error) {
      failure = error;
      return oldOne();
    }
  }
  const resting = () => loading === undefined && clock.monotonic() - triedAtMs < cooldownMs;

  return {
    async get() {
      if (kept !== undefined && age() < freshMs) return kept.value;
      return resting() ? oldOne() : fetch();
    },
    async renew() {
      return resting() ? oldOne() : fetch();
    },
  };
}
