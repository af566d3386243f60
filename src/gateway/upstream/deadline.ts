import { GwError } from '../../core/errors.ts';

/** How far an attempt got, for the message of its timeout. */
export interface Attempt {
  /** Aborted by the caller's signal, with its reason, or when the time is up. */
  readonly signal: AbortSignal;
  /** Names what is being done: `connecting`. */
  phase(name: string): void;
}

/**
 * Runs an attempt under a time limit and a caller's signal. Settles as soon as either ends it, even while the
 * attempt waits for something that cannot be stopped.
 *
 * @throws what `run` throws; `timeUp` when the time is up; the caller's reason, as GwError
 */
export async function withDeadline<T>(
  limitMs: number,
  signal: AbortSignal | undefined,
  timeUp: (phase: string) => Error,
  run: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let phase = '';
  const onAbort = (): void => controller.abort(asCancelled(signal!.reason));
  if (signal?.aborted) throw asCancelled(signal.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => controller.abort(timeUp(phase)), limitMs);
  try {
    const attempt = run({
      signal: controller.signal,
      phase: (name) => {
        phase = name;
      },
    });
    return await Promise.race([attempt, aborted(controller.signal)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

const asCancelled = (reason: unknown): GwError =>
  reason instanceof GwError
    ? reason
    : new GwError('cancelled', 'Connecting was cancelled.', { cause: reason });
