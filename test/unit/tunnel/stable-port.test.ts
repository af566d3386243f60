import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { portCandidates, rememberedPort, rememberPort } from '../../../src/cli/tunnel/stable-port.ts';
import { tempDir } from '../../support/temp.ts';

const KEY = 'https://gw.example.com prod-db';

describe('portCandidates', () => {
  it('is the same each time, and different for another target', () => {
    expect(portCandidates(KEY)).toEqual(portCandidates(KEY));
    expect(portCandidates(KEY)[0]).not.toBe(portCandidates('https://gw.example.com stage-db')[0]);
  });
  it('stays between 15432 and 25431 and never repeats', () => {
    for (let index = 0; index < 500; index++) {
      const ports = portCandidates(`key ${index}`);
      expect(new Set(ports).size).toBe(ports.length);
      expect(Math.min(...ports)).toBeGreaterThanOrEqual(15_432);
      expect(Math.max(...ports)).toBeLessThanOrEqual(25_431);
    }
  });
  it('tries what it remembers first', () => {
    const [derived] = portCandidates(KEY);
    expect(portCandidates(KEY, 20_000).slice(0, 2)).toEqual([20_000, derived]);
    expect(portCandidates(KEY, derived)).toEqual(portCandidates(KEY));
  });
});

describe('the memory', () => {
  it('keeps the first port of each key', async () => {
    const file = join(tempDir('ports').path, 'state', 'ports.json');
    expect(await rememberedPort(file, KEY)).toBeUndefined();
    await rememberPort(file, KEY, 15_500);
    await rememberPort(file, 'other', 15_600);
    await rememberPort(file, KEY, 15_501);
    expect(await rememberedPort(file, KEY)).toBe(15_500);
    expect(await rememberedPort(file, 'other')).toBe(15_600);
  });
  it.each([
    '',
    '{',
    '[]',
    'null',
    '{"https://gw.example.com prod-db": "22"}',
    '{"https://gw.example.com prod-db": 22}',
  ])('is empty when the file holds %j', async (text) => {
    const file = join(tempDir('ports').path, 'ports.json');
    writeFileSync(file, text);
    expect(await rememberedPort(file, KEY)).toBeUndefined();
    await rememberPort(file, KEY, 15_500);
    expect(await rememberedPort(file, KEY)).toBe(15_500);
  });
});
