import { DatabaseError } from 'pg-protocol';
import { describe, expect, it } from 'vitest';
import { placeInText, sqlError } from '../../../src/cli/tunnel/sql-error.ts';

function error(fields: Partial<DatabaseError>): DatabaseError {
  return Object.assign(
    new DatabaseError('it failed', 10, 'error'),
    { severity: 'ERROR', code: 'XX000' },
    fields,
  );
}

describe('placeInText', () => {
  it.each([
    ['select * frm x', 10, 'LINE 1: select * frm x', 'frm'],
    ['select 1;\nselect\n  oops,\n 1', 20, 'LINE 3:   oops,', 'oops'],
    ["select '💡', oops", 13, "LINE 1: select '💡', oops", 'oops'],
    ['\tselect oops', 9, 'LINE 1:  select oops', 'oops'],
  ])('points into %j', (sql, position, line, word) => {
    const [shown, caret] = placeInText(sql, position);
    expect(shown).toBe(line);
    // A wide character takes two columns, and two UTF-16 units.
    expect(caret!.indexOf('^')).toBe(line.indexOf(word));
  });
  it('shows a piece of a long line', () => {
    const sql = `select ${'a, '.repeat(100)} oops, ${'b, '.repeat(100)}1`;
    const [shown, caret] = placeInText(sql, sql.indexOf('oops') + 1);
    expect(shown!.length).toBeLessThan(90);
    expect(shown!.slice(caret!.indexOf('^')).startsWith('oops')).toBe(true);
  });
  it('survives a position outside of the text', () => {
    expect(placeInText('select 1', 100)[1]).toContain('^');
  });
});

describe('sqlError', () => {
  it('has SQLSTATE, place, detail and hint', () => {
    const shown = sqlError(
      error({ code: '42601', position: '8', detail: 'D', hint: 'H', where: 'W' }),
      'select ?',
    );
    expect(shown.message).toBe('ERROR 42601: it failed');
    expect(shown.detail).toBe('LINE 1: select ?\n               ^\nD\nWhere: W');
    expect(shown.hint).toBe('H');
    expect(shown.exit).toBe(1);
  });
  it.each([
    ['42501', 5],
    ['25006', 5],
    ['57014', 1],
    ['28000', 1],
    ['23505', 1],
  ])('ends with the right code for %s', (code, exit) => {
    expect(sqlError(error({ code }), '').exit).toBe(exit);
  });
  it.each([
    ['57P01', 9],
    ['57P02', 7],
    ['08006', 6],
    ['08001', 7],
  ])('ends with the right code for FATAL %s', (code, exit) => {
    expect(sqlError(error({ code, severity: 'FATAL' }), '').exit).toBe(exit);
  });
  it('takes control characters out', () => {
    expect(sqlError(error({ message: 'a\x1b[2Jb' }), '').message).not.toContain('\x1b');
  });
});
