import { LIMITS } from '../../src/core/limits.ts';

/** Runs `work` with another limit in this process, so that no test waits a minute or makes a thousand connections. */
export async function withLimit<T>(
  name: keyof typeof LIMITS,
  value: number,
  work: () => Promise<T>,
): Promise<T> {
  const limits = LIMITS as unknown as Record<string, unknown>;
  const before = limits[name];
  limits[name] = value;
  try {
    return await work();
  } finally {
    limits[name] = before;
  }
}
