import { describe, expect, it } from 'vitest';
import { GwError } from '../../../src/core/errors.ts';
import { Outbox } from '../../../src/gateway/session/outbox.ts';

function rig() {
  const waiting: { sequence: number; done: (error: GwError | undefined) => void }[] = [];
  const journal = {
    durable: 0,
    whenDurable(sequence: number, done: (error: GwError | undefined) => void) {
      waiting.push({ sequence, done });
    },
  };
  const sent: string[] = [];
  const failures: number[] = [];
  const outbox = new Outbox(journal, {
    write: (bytes) => sent.push(Buffer.from(bytes).toString()),
    released: () => {},
    waited: () => {},
    failed: (_, operations) => failures.push(operations),
  });
  const settle = (durable: number, error?: GwError): void => {
    journal.durable = durable;
    for (const { done } of waiting.splice(0)) done(error);
  };
  return { outbox, sent, failures, settle };
}

describe('the outbox', () => {
  it('sends at once what needs no journal, or one that is durable already', () => {
    const { outbox, sent } = rig();
    outbox.send(Buffer.from('a'));
    expect(sent).toEqual(['a']);
  });

  it('keeps a copy until the journal is durable, and everything behind it in order', () => {
    const { outbox, sent, settle } = rig();
    const chunk = Buffer.from('one');
    outbox.sequence = 1;
    outbox.send(chunk);
    chunk.fill('x');
    outbox.sequence = 2;
    outbox.send(Buffer.from('two'));
    expect(sent).toEqual([]);
    settle(1);
    expect(sent).toEqual(['one']);
    settle(2);
    expect(sent).toEqual(['one', 'two']);
    expect(outbox.empty).toBe(true);
  });

  it('drops what could not be recorded and says how many operations that were', () => {
    const { outbox, sent, failures, settle } = rig();
    outbox.sequence = 1;
    outbox.operations = 2;
    outbox.send(Buffer.from('one'));
    outbox.operations = 3;
    outbox.send(Buffer.from('two'));
    settle(0, new GwError('journal_unavailable', 'disk full'));
    expect(sent).toEqual([]);
    expect(failures).toEqual([5]);
    outbox.send(Buffer.from('later'));
    expect(sent).toEqual(['later']);
  });
});
