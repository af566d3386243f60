import { writeSync } from 'node:fs';
import { openJournal } from '../../../src/gateway/journal/open.ts';

/**
 * Writes records as fast as the journal confirms them, from many writers at once, and says on stdout which were
 * confirmed. Runs until it is killed.
 */
const [folder = '', durability = 'disk'] = process.argv.slice(2);
const journal = await openJournal({
  folder,
  durability: durability as 'disk' | 'kernel',
  segmentBytes: 200_000,
});
const filler = 'x'.repeat(500);

function write(writer: number, round: number): void {
  const text = filler.slice(0, (round * 37) % 500);
  const sequence = journal.append(JSON.stringify({ event: 'test', writer, round, text }));
  journal.whenDurable(sequence, (error) => {
    if (error !== undefined) throw error;
    // One write(2) for each, so that what was confirmed is out before anything else happens.
    writeSync(1, `${sequence} ${writer} ${round}\n`);
    setImmediate(write, writer, round + 1);
  });
}

for (let writer = 0; writer < 16; writer++) write(writer, 0);
