import { isIPv6 } from 'node:net';
import { LIMITS } from '../../core/limits.ts';

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * A token bucket for each key. At most so many keys are remembered: the one idle longest is forgotten first, and
 * starts anew with a full bucket.
 */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #maxEntries: number;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate, maxEntries: number = LIMITS.apiRateEntries) {
    this.#rate = rate;
    this.#maxEntries = maxEntries;
  }

  /** As `take`, without counting the request. */
  peek(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? 0 : this.#wait(this.#filled(bucket, nowMs));
  }

  /** @returns 0 when the request may go on, otherwise how many milliseconds to wait. */
  take(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#rate.burst, atMs: nowMs };
    bucket.tokens = this.#filled(bucket, nowMs);
    bucket.atMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxEntries) this.#forgetOldest();
    const waitMs = this.#wait(bucket.tokens);
    if (waitMs === 0) bucket.tokens--;
    return waitMs;
  }

  #filled({ tokens, atMs }: Bucket, nowMs: number): number {
    const gained = (Math.max(0, nowMs - atMs) * this.#rate.perSecond) / 1_000;
    return Math.min(this.#rate.burst, tokens + gained);
  }

  #wait(tokens: number): number {
    return tokens < 1 ? Math.ceil(((1 - tokens) * 1_000) / this.#rate.perSecond) : 0;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}

/** What stands for an address: of IPv6 the network of 64 bits, as anyone has the rest of it to choose from. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) return address;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 address at the end stands for two groups; it is never among the first four unless `::` is before it.
  const groups = right.length + (right.at(-1)?.includes('.') === true ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - groups);
  const all = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return `${all
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
