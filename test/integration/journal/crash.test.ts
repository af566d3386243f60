import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../../../src/gateway/journal/open.ts';
import { readJournal } from '../../../src/gateway/journal/read.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gw-crash-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs the writer, kills it once it has confirmed `count` records; returns all that it confirmed. */
async function killAfter(count: number, durability: string): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer-child.ts'), folder, durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    lines += chunk.split('\n').length - 1;
    if (lines >= count) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return text.split('\n').slice(0, -1);
}

describe.each(['disk', 'kernel'])('a gateway killed while it writes, durability %s', (durability) => {
  it('has every record that was confirmed, in one unbroken sequence', async () => {
    const confirmed = new Set<string>();
    for (const count of [1, 50, 333, 1_000, 2_500]) {
      for (const line of await killAfter(count, durability)) confirmed.add(line);
    }
    const journal = await openJournal({ folder, durability: 'disk' });
    const last = journal.append('{"event":"test"}');
    await journal.close();

    let sequence = 0;
    const written = new Set<string>();
    for await (const entry of readJournal(folder)) {
      expect(entry.sequence).toBe(++sequence);
      expect(entry.record.event).toBe('test');
      written.add(`${entry.sequence} ${entry.record.writer} ${entry.record.round}`);
    }
    expect(sequence).toBe(last);
    expect(confirmed.size).toBeGreaterThan(3_000);
    expect([...confirmed].filter((line) => !written.has(line))).toEqual([]);
  });
});
