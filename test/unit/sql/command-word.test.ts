import { describe, expect, it } from 'vitest';
import { commandWord, preparedName } from '../../../src/gateway/sql/command-word.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('the first keyword', () => {
  it.each([
    ['select 1', 'SELECT'],
    ['  \n\t-- a comment\n  /* one /* nested */ */ Insert into t', 'INSERT'],
    ['((select 1) union (select 2))', 'SELECT'],
    ['', ''],
    [';;', ''],
    ['/* never ends', ''],
    ['-- only a comment', ''],
    ['123', ''],
    ['WITH x AS (SELECT 1) DELETE FROM t', 'WITH'],
    ['aVeryLongWordThatIsNoKeywordAtAll', 'AVERYLONGWORDTHATISNOKEY'],
  ])('of %j is %j', (text, word) => {
    expect(commandWord(bytes(text))).toBe(word);
  });
});

describe('the name a PREPARE gives', () => {
  it.each([
    ['PREPARE Plan AS SELECT 1', 'plan'],
    ['prepare /* here */ "My ""plan""" (int) as select $1', 'My "plan"'],
    ["PREPARE TRANSACTION 'x'", 'transaction'],
    ['prepare "ä" as select 1', '\xc3\xa4'],
    [`prepare ${'n'.repeat(70)} as select 1`, 'n'.repeat(63)],
    ['EXECUTE plan', undefined],
    ['PREPARE', undefined],
  ])('of %j is %j', (text, name) => {
    expect(preparedName(bytes(text))).toBe(name);
  });
});
