import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareOutputs } from '../../conformance/compare.ts';
import { diffLines } from '../../conformance/line-diff.ts';

const kinds = (direct: string, again: string, through: string): string[] =>
  compareOutputs(direct.split('\n'), again.split('\n'), through.split('\n')).map(
    ({ kind, line }) => `${kind} ${line}`,
  );

describe('line diff', () => {
  const line = fc.constantFrom('a', 'b', 'c');
  const text = fc.array(line, { maxLength: 12 });

  it('turns one text into the other, and leaves equal texts alone', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const result = [...one];
        for (const { from, to, otherFrom, otherTo } of diffLines(one, other).reverse()) {
          result.splice(from, to - from, ...other.slice(otherFrom, otherTo));
        }
        expect(result).toEqual(other);
        expect(diffLines(one, one)).toEqual([]);
      }),
    );
  });

  it('finds the shortest way', () => {
    expect(diffLines(['a', 'b', 'c'], ['a', 'x', 'b', 'c'])).toEqual([
      { from: 1, to: 1, otherFrom: 1, otherTo: 2 },
    ]);
  });
});

describe('comparing outputs', () => {
  it.each([
    ['nothing differs', 'a\nb', 'a\nb', 'a\nb', []],
    ['a line differs', 'a\nb', 'a\nb', 'a\nx', ['unexplained 2']],
    ['a line is missing', 'a\nb\nc', 'a\nb\nc', 'a\nc', ['unexplained 2']],
    ['a line is added', 'a\nb', 'a\nb', 'a\nx\nb', ['unexplained 2']],
    ['the direct runs differ there too', 'a\npid 1', 'a\npid 2', 'a\npid 3', ['unstable 2']],
    ['they differ elsewhere', 'a\npid 1', 'a\npid 2', 'x\npid 1', ['unexplained 1']],
    ['as many lines as the second run has, but others', 'a\nc', 'a\nb\nc', 'a\nx\nc', ['unstable 2']],
    ['object identifiers', 'oid 16390 x', 'oid 16390 x', 'oid 100004 x', ['identifiers 1']],
    [
      'psql numbers a notice',
      'psql:x:3: NOTICE:  n',
      'psql:x:3: NOTICE:  n',
      'psql:x:2: NOTICE:  n',
      ['notice-line 1'],
    ],
    [
      'psql numbers an error',
      'psql:x:3: ERROR:  n',
      'psql:x:3: ERROR:  n',
      'psql:x:2: ERROR:  n',
      ['unexplained 1'],
    ],
    ['numbers of the system catalogs', 'oid 2200', 'oid 2200', 'oid 2201', ['unexplained 1']],
    ['a name beside an identifier', 'oid 16390 x', 'oid 16390 x', 'oid 16391 y', ['unexplained 1']],
  ] as const)('%s', (_, direct, again, through, expected) => {
    expect(kinds(direct, again, through)).toEqual(expected);
  });

  it('sets apart what follows a refused function call, and nothing before it', () => {
    const direct = 'a\n\\lo_import\nloaded\nb\nrows 1';
    const through = 'x\n\\lo_import\nERROR:  Function-call messages are not supported through gw.\nb\nrows 0';
    expect(kinds(direct, direct, through)).toEqual(['unexplained 1', 'function-call 3', 'function-call 5']);
  });
});
