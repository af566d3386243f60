/** Middle of the numbers; NaN of none. */
export const median = (numbers: readonly number[]): number => percentile(numbers, 50);

/** Nearest-rank percentile, 0 to 100; NaN of none. */
export function percentile(numbers: readonly number[], rank: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((rank / 100) * sorted.length) - 1)] ?? Number.NaN;
}
