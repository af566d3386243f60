import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteQueue } from '../../../src/h2/byte-queue.ts';

it.each([true, false])('a byte queue gives out what was put in (pooled: %s)', (pooled) => {
  const push = fc.record({ do: fc.constant('push' as const), size: fc.integer({ min: 0, max: 100_000 }) });
  const take = fc.record({ do: fc.constant('take' as const), size: fc.integer({ min: 0, max: 100_000 }) });
  const source = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i * 13 + (i >> 8)));
  fc.assert(
    fc.property(fc.array(fc.oneof(push, take), { maxLength: 30 }), (steps) => {
      const queues = [new ByteQueue(pooled), new ByteQueue(pooled)];
      const models = queues.map(() => Buffer.alloc(0));
      steps.forEach((step, i) => {
        const which = i % 2;
        const queue = queues[which]!;
        if (step.do === 'push') {
          queue.push(source, source.length - step.size);
          models[which] = Buffer.concat([models[which]!, source.subarray(source.length - step.size)]);
        } else {
          const piece = queue.peek(step.size);
          expect(piece.length).toBeLessThanOrEqual(step.size);
          expect(piece.length > 0).toBe(step.size > 0 && queue.size > 0);
          expect(piece.equals(models[which]!.subarray(0, piece.length))).toBe(true);
          queue.shift(piece.length);
          models[which] = models[which]!.subarray(piece.length);
        }
        expect(queue.size).toBe(models[which]!.length);
      });
    }),
    { numRuns: 60 },
  );
});
