import { describe, expect, it } from 'vitest';
import { type AuditLine, auditLines } from '../../../src/gateway/journal/audit-lines.ts';
import type { JournalEntry, JournalRecord } from '../../../src/gateway/journal/segment-reader.ts';

async function* entries(records: JournalRecord[]): AsyncGenerator<JournalEntry> {
  for (const [index, record] of records.entries()) yield { sequence: index + 1, segment: 's', record };
}
async function joined(...records: JournalRecord[]): Promise<AuditLine[]> {
  const lines = [];
  for await (const line of auditLines(entries(records))) lines.push(line);
  return lines;
}

const intent = (session: string, n: number): JournalRecord => ({
  event: 'statement',
  session,
  who: 'iss|alice',
  name: 'alice',
  target: 'prod-db',
  database: 'shop',
  id: `${session}.${n}`,
  start: '2025-01-31T10:00:00.000Z',
  protocol: 'simple',
  text: `SELECT ${n}`,
});
const outcome = (session: string, n: number): JournalRecord => ({
  event: 'outcome',
  session,
  id: `${session}.${n}`,
  rows: n,
  tag: `SELECT ${n}`,
  sqlstate: '00000',
  duration_us: 5,
  bytes: 7,
});

describe('intents and outcomes joined', () => {
  it('gives who, target, text, start, rows, SQLSTATE and duration in one line', async () => {
    expect(await joined(intent('a', 1), outcome('a', 1))).toEqual([
      {
        sequence: 1,
        id: 'a.1',
        session: 'a',
        who: 'iss|alice',
        name: 'alice',
        target: 'prod-db',
        database: 'shop',
        protocol: 'simple',
        prepared: undefined,
        text: 'SELECT 1',
        truncated: false,
        start: '2025-01-31T10:00:00.000Z',
        state: 'done',
        rows: 1,
        tag: 'SELECT 1',
        sqlstate: '00000',
        durationUs: 5,
        bytes: 7,
      },
    ]);
  });

  it('goes by the outcomes, whatever lies between', async () => {
    const lines = await joined(
      intent('a', 1),
      intent('b', 1),
      intent('a', 2),
      outcome('a', 2),
      outcome('b', 1),
    );
    expect(lines.map(({ id, state }) => [id, state])).toEqual([
      ['a.2', 'done'],
      ['b.1', 'done'],
      ['a.1', 'running'],
    ]);
  });

  it('gives a refused statement with its rule', async () => {
    const refused = { ...intent('a', 1), event: 'statement_refused', rule: 'no drops', sqlstate: '42501' };
    expect(await joined(refused)).toMatchObject([{ state: 'refused', rule: 'no drops', sqlstate: '42501' }]);
  });

  it('gives what the journal could not confirm as refused', async () => {
    const recovered = { event: 'journal_recovered', from: 2, to: 3, lost: 0, cause: 'ENOSPC' };
    const lines = await joined(intent('a', 1), intent('a', 2), intent('b', 1), recovered, outcome('a', 1));
    expect(lines).toMatchObject([
      { id: 'a.2', state: 'refused', rule: 'journal_unavailable', sqlstate: '58030' },
      { id: 'b.1', state: 'refused' },
      { id: 'a.1', state: 'done' },
    ]);
  });

  it('gives what ended without outcome as unfinished', async () => {
    const lines = await joined(
      intent('a', 1),
      intent('b', 1),
      { event: 'session_ended', session: 'a' },
      { event: 'gateway_started' },
    );
    expect(lines.map(({ id, state }) => [id, state])).toEqual([
      ['a.1', 'unfinished'],
      ['b.1', 'unfinished'],
    ]);
  });

  it('takes an outcome whose intent is not there, and members of any type', async () => {
    expect(await joined(outcome('a', 1))).toMatchObject([{ id: 'a.1', state: 'done', text: undefined }]);
    const odd = { event: 'statement', id: 5, text: { not: 'text' }, start: null, truncated: 'yes' };
    expect(await joined(odd as JournalRecord)).toMatchObject([{ id: '', text: undefined, truncated: false }]);
  });
});
