import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from '../../../src/gateway/journal/json-text.ts';
import { StatementLines } from '../../../src/gateway/journal/statement-lines.ts';

const session = {
  id: 's_1',
  who: 'https://id.example.com|alice',
  name: 'alice@example.com',
  target: 'prod-db',
  database: 'shop',
};
const lines = new StatementLines(session);
const START = Date.UTC(2025, 0, 31, 10, 0, 0, 123);
const line = (length: number): unknown => JSON.parse(lines.bytes.toString('utf8', 0, length));

describe('the lines of a statement', () => {
  it('says who runs what, where and since when', () => {
    const length = lines.intent(12, jsonText(Buffer.from('SELECT 1')), {
      start: START,
      protocol: 'extended',
      prepared: 'P0_1',
    });
    expect(line(length)).toEqual({
      event: 'statement',
      session: 's_1',
      who: 'https://id.example.com|alice',
      name: 'alice@example.com',
      target: 'prod-db',
      database: 'shop',
      id: 's_1.12',
      start: '2025-01-31T10:00:00.123Z',
      protocol: 'extended',
      prepared: 'P0_1',
      text: 'SELECT 1',
    });
  });

  it('leaves out what there is not', () => {
    const length = lines.intent(1, jsonText(''), { start: START, protocol: 'simple', prepared: '' });
    expect(line(length)).toMatchObject({ id: 's_1.1', protocol: 'simple', text: '' });
    expect(Object.keys(line(length) as object)).not.toContain('prepared');
    const outcome = {
      time: START,
      rows: undefined,
      tag: undefined,
      sqlstate: '42P01',
      durationMs: 0,
      bytes: 0,
    };
    expect(line(lines.outcome(1, outcome))).toEqual({
      event: 'outcome',
      session: 's_1',
      id: 's_1.1',
      time: '2025-01-31T10:00:00.123Z',
      rows: null,
      duration_us: 0,
      bytes: 0,
      sqlstate: '42P01',
    });
  });

  it('says what came of it', () => {
    const outcome = {
      time: START,
      rows: 3,
      tag: 'SELECT 3',
      sqlstate: '00000',
      durationMs: 1.2345,
      bytes: 99,
    };
    expect(line(lines.outcome(7, outcome))).toMatchObject({
      id: 's_1.7',
      rows: 3,
      tag: 'SELECT 3',
      sqlstate: '00000',
      duration_us: 1235,
      bytes: 99,
    });
  });

  it('says which rule refused it', () => {
    const facts = { start: START, rule: 'no "drop"', sqlstate: '42501' };
    expect(line(lines.refused(2, jsonText('DROP TABLE x'), facts))).toMatchObject({
      event: 'statement_refused',
      id: 's_1.2',
      rule: 'no "drop"',
      sqlstate: '42501',
      text: 'DROP TABLE x',
      start: '2025-01-31T10:00:00.123Z',
    });
  });

  it('holds any name, tag and number', () => {
    const byteString = fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Buffer.from(bytes).toString('latin1'));
    fc.assert(
      fc.property(byteString, fc.double(), fc.nat(), (name, number, id) => {
        const intent = { start: START, protocol: 'extended' as const, prepared: name };
        const called = line(lines.intent(id, jsonText('x'), intent)) as Record<string, unknown>;
        expect(called.prepared ?? '').toBe(name);
        expect(called.id).toBe(`s_1.${id}`);
        const facts = {
          time: START,
          rows: number,
          tag: name,
          sqlstate: name,
          durationMs: number,
          bytes: number,
        };
        const came = line(lines.outcome(id, facts)) as Record<string, unknown>;
        expect(came.tag ?? '').toBe(name);
        expect(came.sqlstate).toBe(name);
      }),
    );
  });

  it('holds a long text, and does not keep its memory', () => {
    const text = '\u0001'.repeat(300_000);
    const length = lines.intent(1, jsonText(text), { start: START, protocol: 'simple', prepared: '' });
    expect(line(length)).toMatchObject({ text });
    lines.outcome(1, { time: START, rows: 1, tag: 'SELECT 1', sqlstate: '00000', durationMs: 1, bytes: 1 });
    expect(lines.bytes.length).toBeLessThan(100_000);
  });

  it('escapes what a session is called', () => {
    const odd = new StatementLines({ ...session, id: 'a"\\\n', name: 'Zoë "\u2028"' });
    const length = odd.intent(1, jsonText(''), { start: START, protocol: 'simple', prepared: '' });
    expect(JSON.parse(odd.bytes.toString('utf8', 0, length))).toMatchObject({
      session: 'a"\\\n',
      id: 'a"\\\n.1',
      name: 'Zoë "\u2028"',
    });
  });
});
