/** Polls until `probe` gives something truthy, and returns it; fails after `patienceMs` with `what`. */
export async function eventually<T>(
  probe: () => Promise<T> | T,
  what = 'it',
  patienceMs = 15_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await probe();
    if (found) return found as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`${what} never came true`);
    await new Promise((done) => setTimeout(done, 10));
  }
}
