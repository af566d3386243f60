import { expect, it } from 'vitest';
import { giverOf, LARGE_BLOCK_BYTES, takeBlock } from '../../../src/h2/block-pool.ts';

it('gives a block to one user at a time, however often it was given back', () => {
  const block = takeBlock();
  const give = giverOf(block);
  give();
  give();
  expect(takeBlock()).toBe(block);
  expect(takeBlock()).not.toBe(block);
});

it('keeps no more than a few', () => {
  const blocks = Array.from({ length: 100 }, takeBlock);
  for (const block of blocks) giverOf(block)();
  const again = Array.from({ length: 100 }, takeBlock);
  const kept = again.filter((block) => blocks.includes(block));
  expect(kept.length).toBeLessThan(20);
  expect(new Set(again).size).toBe(100);
  expect(again.every(({ length }) => length === LARGE_BLOCK_BYTES)).toBe(true);
});
