import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../src/gateway/journal/waiters.ts';

describe('who waits for the journal', () => {
  it('calls each exactly once, in the order of coming, when its record is durable', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), fc.array(fc.nat(20)), (waits, steps) => {
        const waiters = new Waiters();
        const called: number[] = [];
        waits.forEach((sequence, index) => {
          waiters.add(sequence, () => called.push(index));
        });
        let durable = -1;
        for (const step of steps) {
          waiters.settle(step, undefined);
          const before = durable;
          durable = Math.max(durable, step);
          const due = waits.flatMap((s, i) => (s <= durable && s > before ? [i] : []));
          expect(called.splice(0)).toEqual(due);
          const left = waits.filter((s) => s > durable);
          expect(waiters.wanted).toBe(Math.max(0, ...left));
        }
      }),
    );
  });

  it('takes a new wait from within a call', () => {
    const waiters = new Waiters();
    const called: string[] = [];
    waiters.add(1, () => {
      called.push('first');
      waiters.add(2, () => called.push('second'));
    });
    waiters.add(1, () => called.push('other'));
    waiters.settle(1, undefined);
    expect(called).toEqual(['first', 'other']);
    expect(waiters.wanted).toBe(2);
    waiters.settle(2, undefined);
    expect(called).toEqual(['first', 'other', 'second']);
  });
});
