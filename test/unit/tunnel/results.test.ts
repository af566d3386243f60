import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CsvWriter,
  JsonWriter,
  type ResultColumn,
  type ResultRow,
  type ResultWriter,
  TableWriter,
} from '../../../src/cli/render/results.ts';

const [INT4, TEXT, BOOL, JSONB, FLOAT8, NUMERIC] = [23, 25, 16, 3802, 701, 1700];
const column = (name: string, type = TEXT): ResultColumn => ({ name, type });

function write(writer: ResultWriter, ...results: [ResultColumn[], ResultRow[]][]): string {
  let text = '';
  for (const [columns, rows] of results) {
    text += writer.begin(columns);
    for (const row of rows) text += writer.row(row);
    text += writer.end();
  }
  return text + writer.finish();
}

describe('TableWriter', () => {
  it('aligns, numbers to the right', () => {
    const text = write(new TableWriter(), [
      [column('id', INT4), column('name')],
      [
        ['1', 'Ann'],
        ['10', null],
      ],
    ]);
    expect(text).toBe(' id | name\n----+------\n  1 | Ann\n 10 | NULL\n');
  });
  it('keeps a row on its line and sends no control characters', () => {
    const text = write(new TableWriter(), [[column('a')], [['x\ny\tz\x1b[2J']]]);
    expect(text.split('\n')[2]).toBe(' x\\ny\\tz');
  });
  it('counts wide characters as two columns', () => {
    const lines = write(new TableWriter(), [
      [column('a'), column('b')],
      [
        ['日本', 'x'],
        ['ab', 'y'],
      ],
    ]).split('\n');
    expect(lines[2]).toBe(' 日本 | x');
    expect(lines[3]).toBe(' ab   | y');
  });
  it('holds back only the rows it measures', () => {
    const writer = new TableWriter();
    writer.begin([column('n', INT4)]);
    const pieces = Array.from({ length: 1_000 }, (_, index) => writer.row([String(index)]));
    expect(pieces.findIndex((piece) => piece !== '')).toBe(199);
    expect(pieces.slice(200).every((piece) => piece !== '')).toBe(true);
    expect(pieces.join('').split('\n')).toHaveLength(1_003);
  });
  it('shows the heading of an empty result', () => {
    expect(write(new TableWriter(), [[column('id', INT4)], []])).toBe(' id\n----\n');
  });
});

describe('JsonWriter', () => {
  it('keeps the types JSON has', () => {
    const columns = [
      column('i', INT4),
      column('b', BOOL),
      column('j', JSONB),
      column('n', NUMERIC),
      column('f', FLOAT8),
    ];
    const rows: ResultRow[] = [
      ['1', 't', '{"a": [1]}', '12345678901234567890.5', 'NaN'],
      [null, null, null, null, null],
    ];
    const text = write(new JsonWriter(), [columns, rows]);
    expect(text).toContain('12345678901234567890.5');
    expect(JSON.parse(text)).toMatchObject([
      { i: 1, b: true, j: { a: [1] }, f: 'NaN' },
      { i: null, b: null, j: null, n: null, f: null },
    ]);
  });
  it('prints an array for each result, and one for none', () => {
    const one: [ResultColumn[], ResultRow[]] = [[column('a')], [['x']]];
    const lines = write(new JsonWriter(), one, [[column('b')], []]);
    expect(lines).toBe('[\n{"a":"x"}\n]\n[]\n');
    expect(write(new JsonWriter())).toBe('[]\n');
  });
  it('loses no column that shares its name', () => {
    const text = write(new JsonWriter(), [[column('id'), column('id'), column('id_2')], [['1', '2', '3']]]);
    expect(JSON.parse(text)).toEqual([{ id: '1', id_2: '2', id_2_2: '3' }]);
  });
  it('is valid JSON for any text, also where a mask made a number or a document something else', () => {
    const types = fc.constantFrom(INT4, TEXT, BOOL, JSONB, NUMERIC);
    const cell = fc.tuple(types, fc.option(fc.string({ unit: 'binary' }), { nil: null }));
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 5 }), (cells) => {
        const columns = cells.map(([type], index) => column(`c${index}`, type));
        const text = write(new JsonWriter(), [columns, [cells.map(([, value]) => value)]]);
        const [row] = JSON.parse(text) as Record<string, unknown>[];
        cells.forEach(([type, value], index) => {
          if (type === TEXT) expect(row![`c${index}`]).toBe(value);
        });
      }),
    );
  });
});

describe('CsvWriter', () => {
  it('tells NULL from an empty text', () => {
    const text = write(new CsvWriter(), [
      [column('a'), column('b"c')],
      [
        ['', null],
        ['x,y', 'l\nm'],
      ],
    ]);
    expect(text).toBe('a,"b""c"\n"",\n"x,y","l\nm"\n');
  });
  it('can be read back', () => {
    const cell = fc.option(fc.string({ unit: 'binary' }), { nil: null });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), (rows) => {
        const text = write(new CsvWriter(), [[column('a'), column('b')], rows]);
        expect(readCsv(text).slice(1)).toEqual(rows);
      }),
    );
  });
});

/** RFC 4180 with line feeds; an unquoted empty field is NULL. */
function readCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/gy;
  for (let match = field.exec(text); match !== null; match = field.exec(text)) {
    row.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2] === '' ? null : match[2]!);
    if (match[3] === '\n') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
