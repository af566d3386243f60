import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cachedCopy, sharedCache } from '../../../src/gateway/store/shared-cache.ts';
import { tempDir } from '../../support/temp.ts';

const uid = process.getuid?.() ?? 0;
let tmp: string;
beforeEach(() => {
  tmp = tempDir('cache').path;
});

describe('the shared cache', () => {
  it('is made once, for all to read and us to write', async () => {
    const path = await sharedCache(tmp);
    expect(await sharedCache(tmp)).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o755);
  });

  it('is refused when the folder was put there for us', async () => {
    const elsewhere = tempDir('elsewhere').path;
    const name = join(tmp, `gw-cache-${uid}`);
    symlinkSync(elsewhere, name);
    await expect(sharedCache(tmp)).rejects.toMatchObject({ code: 'configuration' });
    rmSync(name);
    mkdirSync(name);
    chmodSync(name, 0o777);
    await expect(sharedCache(tmp)).rejects.toMatchObject({ code: 'configuration' });
  });

  it('is refused in a temp folder where others may rename what is ours', async () => {
    chmodSync(tmp, 0o777);
    await expect(sharedCache(tmp)).rejects.toMatchObject({ code: 'configuration' });
    chmodSync(tmp, 0o1777);
    await expect(sharedCache(tmp)).resolves.toContain(tmp);
  });
});

describe('a cached copy', () => {
  const source = (): string => {
    const path = join(tmp, 'source');
    mkdirSync(join(path, 'bin'), { recursive: true, mode: 0o700 });
    writeFileSync(join(path, 'bin', 'run'), 'program', { mode: 0o700 });
    writeFileSync(join(path, 'data'), 'x', { mode: 0o600 });
    return path;
  };
  const nothing = async (): Promise<void> => undefined;

  it('is made once, readable for all, also by several at once', async () => {
    const cache = await sharedCache(tmp);
    const from = source();
    const copies = await Promise.all([1, 2, 3, 4].map(() => cachedCopy(cache, 'k', from, nothing)));
    expect(new Set(copies)).toEqual(new Set([join(cache, 'k')]));
    expect(statSync(join(cache, 'k', 'bin', 'run')).mode & 0o777).toBe(0o755);
    expect(statSync(join(cache, 'k', 'data')).mode & 0o777).toBe(0o644);
  });

  it('is made anew when files are missing', async () => {
    const cache = await sharedCache(tmp);
    const from = source();
    const copy = await cachedCopy(cache, 'k', from, nothing);
    rmSync(join(copy, 'bin', 'run'));
    await cachedCopy(cache, 'k', from, nothing);
    expect(readFileSync(join(copy, 'bin', 'run'), 'utf8')).toBe('program');
  });

  it('does not appear when it could not be finished', async () => {
    const cache = await sharedCache(tmp);
    const fail = async (): Promise<void> => {
      throw new Error('no');
    };
    await expect(cachedCopy(cache, 'k', source(), fail)).rejects.toThrow('no');
    expect(() => statSync(join(cache, 'k'))).toThrow();
  });
});
