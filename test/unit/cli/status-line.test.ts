import { beforeEach, describe, expect, it } from 'vitest';
import { StatusLine } from '../../../src/cli/render/status-line.ts';

let written: string;
let line: StatusLine;
beforeEach(() => {
  written = '';
  line = new StatusLine(
    (text) => {
      written += text;
    },
    () => 11,
  );
});

/** What a terminal shows after all of it: `\r\x1b[2K` clears the last line. */
const shown = (): string => written.replace(/[^\n]*\r\x1b\[2K/g, '');

describe('StatusLine', () => {
  it('is replaced in place and taken away', () => {
    line.show('1 open');
    line.show('2 open');
    expect(shown()).toBe('2 open');
    line.show('');
    expect(shown()).toBe('');
  });
  it('stays below what is said', () => {
    line.above('first\n');
    line.show('1 open');
    line.above('second\n');
    expect(shown()).toBe('first\nsecond\n1 open');
  });
  it('never wraps, which could not be cleared', () => {
    line.show('prod-db on 127.0.0.1');
    expect(written).toBe('prod-db on');
    line.show('日本日本日本');
    expect(shown()).toBe('日本日本日');
  });
  it('writes nothing for nothing new', () => {
    line.show('1 open');
    const before = written;
    line.show('1 open');
    expect(written).toBe(before);
  });
});
