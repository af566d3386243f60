import { LIMITS } from '../../core/limits.ts';

/**
 * Readiness as named checks: a balancer sends clients here only while all of them hold. Liveness is another
 * matter: a process that answers is alive, and restarting it mends no disk and no database.
 */

export interface CheckResult {
  readonly ok: boolean;
  /** Why not; safe to show to whoever runs the gateway. */
  readonly message?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** true, or why not. A check that throws or takes too long does not hold. */
export type Check = () => true | string | Promise<true | string>;

export class Health {
  readonly #checks = new Map<string, Check>();
  readonly #timeoutMs: number;

  constructor(timeoutMs: number = LIMITS.healthCheckTimeoutMs) {
    this.#timeoutMs = timeoutMs;
  }

  /** Adds a check, or puts another in its place. */
  set(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  async readiness(): Promise<Readiness> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await this.#run(check)] as const),
    );
    return { ready: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results) };
  }

  async #run(check: Check): Promise<CheckResult> {
    const { promise: late, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(resolve, this.#timeoutMs, 'No answer in time.');
    try {
      const result = await Promise.race([check(), late]);
      return result === true ? { ok: true } : { ok: false, message: result };
    } catch {
      return { ok: false, message: 'The check failed.' };
    } finally {
      clearTimeout(timer);
    }
  }
}
