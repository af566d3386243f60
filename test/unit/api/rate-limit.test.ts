import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressKey, RateLimiter } from '../../../src/gateway/api/rate-limit.ts';

describe('a rate', () => {
  it('allows a burst, then so many per second', () => {
    const limiter = new RateLimiter({ perSecond: 2, burst: 3 });
    expect([1, 2, 3].map(() => limiter.take('a', 0))).toEqual([0, 0, 0]);
    expect(limiter.take('a', 0)).toBe(500);
    expect(limiter.take('a', 400)).toBe(100);
    expect(limiter.take('a', 500)).toBe(0);
    expect(limiter.take('a', 500)).toBe(500);
    expect(limiter.take('b', 500)).toBe(0);
    expect([1, 2, 3, 4].map(() => limiter.take('a', 1e9) === 0)).toEqual([true, true, true, false]);
  });

  it('never allows more than burst and rate together, even when the clock goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1_000, max: 1_000 })), (steps) => {
        const limiter = new RateLimiter({ perSecond: 10, burst: 5 });
        let now = 0;
        let forward = 0;
        let allowed = 0;
        for (const step of steps) {
          now += step;
          forward += Math.max(0, step);
          if (limiter.take('a', now) === 0) allowed++;
        }
        expect(allowed).toBeLessThanOrEqual(5 + forward / 100);
      }),
    );
  });

  it('remembers only so many, and forgets the one idle longest', () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, 2);
    limiter.take('a', 0);
    limiter.take('b', 0);
    expect(limiter.take('a', 0)).toBeGreaterThan(0);
    limiter.take('c', 0);
    expect(limiter.take('a', 0)).toBeGreaterThan(0);
    expect(limiter.take('b', 0)).toBe(0);
  });
});

describe('what stands for an address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
    ['::1:2:3:4:5:6:7', '0:1:2:3::/64'],
    ['64:ff9b::10.0.0.1', '64:ff9b:0:0::/64'],
    ['/run/gw.sock', '/run/gw.sock'],
    ['', ''],
  ])('%s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
