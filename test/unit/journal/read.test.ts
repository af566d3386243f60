import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { segmentName } from '../../../src/gateway/journal/folder.ts';
import { openJournal } from '../../../src/gateway/journal/open.ts';
import { type ReadOptions, readJournal } from '../../../src/gateway/journal/read.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gw-read-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (n: number): string => `{"event":"test","n":${n}}\n`;
const segment = (first: number, content: string): Promise<void> =>
  writeFile(join(folder, segmentName(first, 1_700_000_000_000 + first)), content);

async function read(options?: ReadOptions): Promise<[number, unknown][]> {
  const all: [number, unknown][] = [];
  for await (const { sequence, record } of readJournal(folder, options)) {
    all.push([sequence, record.n ?? record.event]);
  }
  return all;
}

describe('reading a journal', () => {
  it('gives nothing for an empty folder', async () => {
    expect(await read()).toEqual([]);
  });

  it('says where there is none', async () => {
    await rm(folder, { recursive: true });
    await expect(read()).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining(folder),
    });
  });

  it('joins segments, and stops in each where its records end', async () => {
    await segment(1, `${line(1)}${line(2)}\0\0\0`);
    await segment(3, `${line(3)}{"event":"torn`);
    await segment(4, '');
    await segment(5, line(5));
    expect(await read()).toEqual([1, 2, 3, 5].map((n) => [n, n]));
  });

  it('leaves out what was written again in the next segment', async () => {
    await segment(1, line(1) + line(2) + line(3));
    await segment(2, line(20) + line(30));
    expect(await read()).toEqual([
      [1, 1],
      [2, 20],
      [3, 30],
    ]);
  });

  it('begins where it is asked to', async () => {
    await segment(1, line(1) + line(2));
    await segment(3, line(3) + line(4));
    await segment(5, line(5));
    expect(await read({ from: 4 })).toEqual([
      [4, 4],
      [5, 5],
    ]);
    expect(await read({ from: 9 })).toEqual([]);
  });

  it('says of a damaged line that it is unreadable, and goes on', async () => {
    await segment(1, `${line(1)}nonsense\n[1]\n{"event":3}\n${line(5)}`);
    expect(await read()).toEqual([
      [1, 1],
      [2, 'unreadable'],
      [3, 'unreadable'],
      [4, 'unreadable'],
      [5, 5],
    ]);
  });

  it('reads lines up to the limit, and passes over one beyond', async () => {
    const long = (bytes: number): string => `{"event":"test","n":"${'x'.repeat(bytes)}"}\n`;
    await segment(1, line(1) + long(300_000) + long(LIMITS.journalLineBytes) + line(4));
    const all = await read();
    expect(all.map(([sequence]) => sequence)).toEqual([1, 2, 3, 4]);
    expect(String(all[1]![1]).length).toBe(300_000);
    expect([all[2], all[3]]).toEqual([
      [3, 'unreadable'],
      [4, 4],
    ]);
  });

  it('follows a journal over its segments until it is told to stop', async () => {
    const journal = await openJournal({ folder, durability: 'kernel', segmentBytes: 60 });
    const stop = new AbortController();
    const seen: number[] = [];
    let write = 0;
    const more = (): void => {
      journal.note(`{"event":"test","n":${++write}}`);
    };
    more();
    for await (const { sequence, record } of readJournal(folder, {
      follow: true,
      signal: stop.signal,
      pollMs: 1,
    })) {
      expect(record.n).toBe(sequence);
      seen.push(sequence);
      if (sequence === 20) stop.abort();
      else more();
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    await journal.close();
  });

  it('waits for the rest of a line that is being written', async () => {
    const path = join(folder, segmentName(1, 1_700_000_000_000));
    await writeFile(path, `${line(1)}{"event":`);
    const entries = readJournal(folder, { follow: true, pollMs: 1 });
    expect((await entries.next()).value?.sequence).toBe(1);
    const second = entries.next();
    await appendFile(path, '"test","n":2}\n');
    expect((await second).value?.record.n).toBe(2);
    await entries.return(undefined);
  });
});
