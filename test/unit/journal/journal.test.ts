import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GwError } from '../../../src/core/errors.ts';
import type { Journal } from '../../../src/gateway/journal/journal.ts';
import { type JournalOptions, openJournal } from '../../../src/gateway/journal/open.ts';
import { readJournal } from '../../../src/gateway/journal/read.ts';
import type { RecoveryFacts } from '../../../src/gateway/journal/records.ts';
import { type FaultyDisk, faultyDisk } from './faulty-disk.ts';

let folder: string;
let disk: FaultyDisk;
let journal: Journal | undefined;
let unhealthy: GwError[];
let recovered: RecoveryFacts[];
let onRecovered: () => void;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'gw-journal-')), 'journal');
  disk = faultyDisk();
  unhealthy = [];
  recovered = [];
  onRecovered = () => undefined;
});

afterEach(async () => {
  disk.failing.clear();
  disk.let();
  await journal?.close().catch(() => undefined);
  journal = undefined;
  await rm(join(folder, '..'), { recursive: true, force: true });
});

async function begin(options: Partial<JournalOptions> = {}): Promise<Journal> {
  journal = await openJournal({
    folder,
    durability: 'disk',
    disk,
    onUnhealthy: (error) => unhealthy.push(error),
    onRecovered: (facts) => {
      recovered.push(facts);
      onRecovered();
    },
    ...options,
    tuning: { retryMs: 5, lingerMs: 1, syncIntervalMs: 1, ...options.tuning },
  });
  return journal;
}

const line = (n: number): string => `{"event":"test","n":${n}}`;
const durable = (on: Journal, sequence: number): Promise<GwError | undefined> =>
  new Promise((resolve) => on.whenDurable(sequence, resolve));
const recovery = (): Promise<void> =>
  new Promise((resolve) => {
    onRecovered = resolve;
  });

async function content(): Promise<{ sequence: number; n: unknown; event: string }[]> {
  const entries = [];
  for await (const { sequence, record } of readJournal(folder)) {
    entries.push({ sequence, n: record.n, event: record.event });
  }
  return entries;
}
const segments = async (): Promise<string[]> => (await readdir(folder)).filter((f) => f.endsWith('.jsonl'));
const raw = async (): Promise<string> => {
  const all = await Promise.all((await segments()).sort().map((f) => readFile(join(folder, f), 'utf8')));
  return all.join('').replaceAll('\0', '');
};

describe.each(['disk', 'kernel'] as const)('a journal with durability %s', (durability) => {
  it('numbers records from 1 and has them once they are durable', async () => {
    const on = await begin({ durability });
    expect([on.append(line(1)), on.append(Buffer.from(`${line(2)} rest`), line(2).length)]).toEqual([1, 2]);
    expect(on.durable).toBe(0);
    expect(await durable(on, 2)).toBeUndefined();
    expect(on.durable).toBe(2);
    expect(await raw()).toBe(`${line(1)}\n${line(2)}\n`);
  });

  it('writes what comes in one turn at once', async () => {
    const on = await begin({ durability });
    const waits = Array.from({ length: 50 }, (_, n) => durable(on, on.append(line(n))));
    await Promise.all(waits);
    expect(disk.writes).toBe(1);
  });

  it('calls back at once when a record is durable already', async () => {
    const on = await begin({ durability });
    await durable(on, on.append(line(1)));
    let called = false;
    on.whenDurable(1, (error) => {
      called = error === undefined;
    });
    expect(called).toBe(true);
  });

  it('writes notes soon, without anyone waiting', async () => {
    const flushed = Promise.withResolvers<void>();
    const on = await begin({ durability, onFlush: () => flushed.resolve() });
    on.note(line(1));
    await flushed.promise;
    expect(on.durable).toBe(1);
  });

  it('goes on with the next number after it was closed', async () => {
    await (await begin({ durability })).close();
    let on = await begin({ durability });
    on.append(line(1));
    on.note(line(2));
    await on.close();
    on = await begin({ durability });
    expect(on.append(line(3))).toBe(3);
    await on.close();
    expect(await content()).toEqual([1, 2, 3].map((n) => ({ sequence: n, n, event: 'test' })));
    expect(await raw()).toBe([1, 2, 3].map((n) => `${line(n)}\n`).join(''));
  });

  it('takes nothing once it is closed', async () => {
    const on = await begin({ durability });
    await on.close();
    expect(() => on.append(line(1))).toThrow(expect.objectContaining({ code: 'journal_unavailable' }));
    expect(on.healthy).toBe(false);
    on.note(line(1));
    expect(await raw()).toBe('');
  });

  it('begins a new segment when one is full', async () => {
    const on = await begin({ durability, segmentBytes: 100 });
    for (let n = 1; n <= 20; n++) await durable(on, on.append(line(n)));
    await on.close();
    expect((await segments()).length).toBeGreaterThan(3);
    expect((await content()).map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    for (const file of await segments()) {
      expect(await readFile(join(folder, file), 'utf8')).not.toContain('\0');
    }
  });

  it('keeps its folder and files to its owner', async () => {
    await rm(folder, { recursive: true, force: true });
    const on = await begin({ durability });
    await chmod(folder, 0o755);
    await on.close();
    await begin({ durability });
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(folder)) {
      expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('finishes a write that the system took in pieces', async () => {
    const on = await begin({ durability });
    disk.maxWriteBytes = 7;
    for (let n = 1; n <= 3; n++) on.append(line(n));
    await durable(on, 3);
    expect((await content()).map(({ n }) => n)).toEqual([1, 2, 3]);
  });

  it.each(['ENOSPC', 'EIO', 'EROFS'])(
    'refuses everything while the disk says %s, and recovers',
    async (code) => {
      const on = await begin({ durability });
      await durable(on, on.append(line(1)));
      const call = durability === 'disk' ? 'write' : 'writeNow';
      disk.failing.set(call, code);
      disk.failing.set('create', code);
      const waits = await Promise.all([durable(on, on.append(line(2))), durable(on, on.append(line(3)))]);
      expect(waits.map((error) => error?.code)).toEqual(['journal_unavailable', 'journal_unavailable']);
      expect(on.healthy).toBe(false);
      expect(on.durable).toBe(1);
      expect(() => on.append(line(9))).toThrow(GwError);
      expect((await durable(on, 3))?.code).toBe('journal_unavailable');
      on.note(line(4));
      disk.failing.clear();
      await recovery();
      expect(on.healthy).toBe(true);
      // Whoever was told no is told no again; what was noted is there.
      expect((await durable(on, 2))?.code).toBe('journal_unavailable');
      expect(await durable(on, on.append(line(5)))).toBeUndefined();
      expect(await content()).toEqual([
        { sequence: 1, n: 1, event: 'test' },
        { sequence: 2, n: 2, event: 'test' },
        { sequence: 3, n: 3, event: 'test' },
        { sequence: 4, n: 4, event: 'test' },
        { sequence: 5, n: undefined, event: 'journal_recovered' },
        { sequence: 6, n: 5, event: 'test' },
      ]);
      expect(unhealthy).toHaveLength(1);
      expect(recovered).toEqual([{ from: 2, to: 3, lost: 0, cause: code }]);
    },
  );

  it('reads past what a failed write left behind', async () => {
    const on = await begin({ durability });
    await durable(on, on.append(line(1)));
    disk.failing.set(durability === 'disk' ? 'write' : 'writeNow', 'EIO');
    disk.failing.set('truncate', 'EIO');
    on.append(line(2));
    await durable(on, on.append(line(3)));
    disk.failing.clear();
    await recovery();
    await durable(on, on.append(line(4)));
    expect((await raw()).length).toBeGreaterThan([1, 2, 3, 4].length * (line(1).length + 1));
    expect((await content()).map(({ n }) => n)).toEqual([1, 2, 3, undefined, 4]);
  });

  it('refuses rather than grow when the disk does not keep up', async () => {
    const limits = { pendingBytes: 1_000, reserveBytes: 1_000, lingerMs: 100_000 };
    const on = await begin({ durability, tuning: limits });
    const flood = (): void => {
      for (let n = 0; n < 1_000; n++) on.append(line(n));
    };
    expect(flood).toThrow(expect.objectContaining({ code: 'journal_unavailable' }));
    for (let n = 0; n < 1_000; n++) on.note(line(n));
    expect(await durable(on, 1)).toBeUndefined();
    expect(on.durable).toBeLessThan(2_000 / line(1).length);
    expect(await durable(on, on.append(line(0)))).toBeUndefined();
  });

  it('says at the end when records were lost', async () => {
    const on = await begin({ durability });
    disk.failing.set(durability === 'disk' ? 'write' : 'writeNow', 'ENOSPC');
    await durable(on, on.append(line(1)));
    await expect(on.close()).rejects.toMatchObject({ code: 'journal_unavailable' });
    await expect(openJournal({ folder, durability }))
      .resolves.toBeDefined()
      .then(async () => undefined);
  });

  it('writes what was kept when the disk is back at the end', async () => {
    const on = await begin({ durability, tuning: { retryMs: 100_000 } });
    const call = durability === 'disk' ? 'write' : 'writeNow';
    disk.failing.set(call, 'ENOSPC');
    await durable(on, on.append(line(1)));
    on.note(line(2));
    disk.failing.clear();
    await on.close();
    expect((await content()).map(({ event }) => event)).toEqual(['test', 'test', 'journal_recovered']);
  });

  it('is not called back for a record that does not exist', async () => {
    const on = await begin({ durability });
    expect((await durable(on, 1))?.code).toBe('bug');
  });
});

describe('durability disk', () => {
  it('has one write at a time, and everything that came meanwhile goes with the next', async () => {
    const on = await begin();
    disk.hold();
    const first = durable(on, on.append(line(1)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(disk.writes).toBe(1);
    const others = [2, 3, 4].map((n) => durable(on, on.append(line(n))));
    await new Promise((resolve) => setImmediate(resolve));
    expect(disk.writes).toBe(1);
    expect(on.durable).toBe(0);
    disk.let();
    await Promise.all([first, ...others]);
    expect(disk.writes).toBe(2);
  });

  it('writes a note that came while a batch was on its way, though nothing follows it', async () => {
    const two = Promise.withResolvers<void>();
    let flushes = 0;
    const on = await begin({ onFlush: () => ++flushes === 2 && two.resolve() });
    disk.hold();
    const first = durable(on, on.append(line(1)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    on.note(line(2));
    // Long enough for the note's own timer to find the disk busy.
    await new Promise((resolve) => setTimeout(resolve, 20));
    disk.let();
    await first;
    await two.promise;
    expect(on.durable).toBe(2);
  });

  it('counts as unhealthy while a write does not come back', async () => {
    let now = 0;
    const clock = { now: () => Date.now(), monotonic: () => now };
    const on = await begin({ clock, tuning: { stallMs: 1_000 } });
    disk.hold();
    const wait = durable(on, on.append(line(1)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    now = 999;
    expect(on.healthy).toBe(true);
    now = 1_000;
    expect(on.healthy).toBe(false);
    disk.let();
    await wait;
    expect(on.healthy).toBe(true);
  });
});

describe('durability kernel', () => {
  it('gives up a segment whose sync failed', async () => {
    const on = await begin({ durability: 'kernel' });
    disk.failing.set('sync', 'EIO');
    const recovering = recovery();
    expect(await durable(on, on.append(line(1)))).toBeUndefined();
    await recovering;
    expect(unhealthy).toHaveLength(1);
    disk.failing.clear();
    expect(await durable(on, on.append(line(2)))).toBeUndefined();
    expect(await segments()).toHaveLength(2);
    const events = (await content()).filter(({ event }) => event === 'test').map(({ n }) => n);
    expect(events).toEqual([1, 2]);
  });
});

describe('opening a journal', () => {
  it('is refused while another has the folder', async () => {
    await begin();
    await expect(openJournal({ folder, durability: 'disk' })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(`process id ${process.pid}`),
    });
  });

  it('takes over the lock of a process that is gone', async () => {
    await (await begin()).close();
    const gone = { pid: process.pid, started: '1', boot: 'another' };
    await writeFile(join(folder, 'lock'), JSON.stringify(gone));
    await (await begin()).close();
    await writeFile(join(folder, 'lock'), '');
    await begin();
    expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toEqual(['lock']);
  });

  it.each([
    ['a torn line', '{"event":"test","n":3', 2],
    ['room prepared ahead', '\0\0\0\0', 2],
    ['a torn line and room', '{"event":\0\0\0', 2],
    ['a hole and a line', `\0\0\0\n${line(4)}\n`, 2],
    ['a complete line', `${line(3)}\n`, 3],
  ])('after a crash that left %s', async (_, tail, kept) => {
    const on = await begin();
    on.append(line(1));
    on.append(line(2));
    await on.close();
    const [file] = await segments();
    await writeFile(join(folder, file!), tail, { flag: 'a' });
    await writeFile(join(folder, '0000000000000009-20990101T000000000Z.jsonl'), '{"torn');
    const next = await begin();
    expect(await readFile(join(folder, file!), 'utf8')).toBe(
      [1, 2, 3]
        .slice(0, kept)
        .map((n) => `${line(n)}\n`)
        .join(''),
    );
    expect(next.append(line(9))).toBe(kept + 1);
    await next.close();
    const all = await content();
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_one, i) => i + 1));
    expect(all.map(({ n }) => n)).toEqual([1, 2, 3].slice(0, kept).concat(9));
  });

  it('fails clearly when the folder cannot be written', async () => {
    disk.failing.set('create', 'EROFS');
    await expect(begin()).rejects.toMatchObject({
      code: 'journal_unavailable',
      message: expect.stringContaining('EROFS'),
    });
    expect((await readdir(folder)).filter((name) => name.startsWith('lock'))).toEqual([]);
  });
});
