import { GwError } from '../../core/errors.ts';

/** Runs `work`; when it takes longer than `timeoutMs` the promise rejects with a `timeout` and `abandon` is called. */
export async function withDeadline<T>(
  timeoutMs: number,
  what: string,
  abandon: () => void,
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new GwError('timeout', `${what} took longer than ${timeoutMs / 1_000} s.`));
      abandon();
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
