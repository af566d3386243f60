import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GwError } from '../../../src/core/errors.ts';
import { openJournal } from '../../../src/gateway/journal/open.ts';
import { readJournal } from '../../../src/gateway/journal/read.ts';

/** A small disk of memory, where the system lets us have one; elsewhere unit tests let the calls fail. */
let base = '';
let isMounted = false;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'gw-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', base], { stdio: 'ignore' });
    isMounted = true;
  } catch {
    // Not allowed here: the test says that it was skipped.
  }
});

afterAll(async () => {
  if (isMounted) execFileSync('umount', [base]);
  await rm(base, { recursive: true, force: true });
});

describe('a disk that fills up', () => {
  it.for(['disk', 'kernel'] as const)(
    'refuses, then goes on once there is room (%s)',
    async (durability, test) => {
      if (!isMounted) test.skip('the system gives us no disk to fill');
      const ballast = join(base, 'ballast');
      await writeFile(ballast, Buffer.alloc(500_000));
      const folder = join(base, durability);
      const recovered = Promise.withResolvers<void>();
      const journal = await openJournal({
        folder,
        durability,
        segmentBytes: 50_000,
        onRecovered: () => recovered.resolve(),
        tuning: { retryMs: 5 },
      });
      const write = (n: number): Promise<GwError | undefined> =>
        new Promise((resolve) => {
          const line = JSON.stringify({ event: 'test', n, filler: 'x'.repeat(n % 2_000) });
          journal.whenDurable(journal.append(line), resolve);
        });

      let n = 0;
      let error: GwError | undefined;
      while (error === undefined) error = await write(++n);
      expect(error).toMatchObject({ code: 'journal_unavailable', cause: { code: 'ENOSPC' } });
      expect(journal.durable).toBe(n - 1);
      journal.note('{"event":"noted"}');
      await rm(ballast);
      await recovered.promise;
      expect(await write(0)).toBeUndefined();
      await journal.close();

      const all = [];
      for await (const { sequence, record } of readJournal(folder)) {
        all.push(record.event === 'test' ? record.n : record.event);
        expect(sequence).toBe(all.length);
      }
      const expected: unknown[] = Array.from({ length: n }, (_, i) => i + 1);
      expect(all).toEqual([...expected, 'noted', 'journal_recovered', 0]);
      await rm(folder, { recursive: true });
    },
  );
});
