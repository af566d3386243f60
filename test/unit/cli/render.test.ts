import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderError } from '../../../src/cli/render/error.ts';
import { factLines } from '../../../src/cli/render/facts.ts';
import { toJson } from '../../../src/cli/render/json.ts';
import { explainNetworkError } from '../../../src/cli/render/network-error.ts';
import { sanitise, sanitiseDeep, sanitiseLine, sanitiseStyled } from '../../../src/cli/render/sanitise.ts';
import { colourLevel, makeStyle, PLAIN } from '../../../src/cli/render/style.ts';
import { tableLines } from '../../../src/cli/render/table.ts';
import { relativeTime } from '../../../src/cli/render/time.ts';
import { textWidth } from '../../../src/cli/render/width.ts';
import { asGwError, GwError } from '../../../src/core/errors.ts';

const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
/** Text made of what terminals react to. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\x1b',
        '\x1b[',
        '\x1b]0;',
        '\x07',
        '\x9b',
        '\x9d',
        '\x90',
        '\x1b\\',
        '\x1bP',
        '\r',
        '\n',
        '\t',
        '\u202e',
        '\u2066',
        '\u{e0041}',
        '31m',
        'm',
        ';',
      ),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map((parts) => parts.join(''));

describe('sanitise', () => {
  it('lets nothing through that moves the cursor, colours, or turns text around', () => {
    fc.assert(fc.property(hostile, (text) => !UNSAFE.test(sanitise(text))));
    fc.assert(
      fc.property(
        hostile,
        (text) => !/[\r\n\t]/.test(sanitiseLine(text)) && !UNSAFE.test(sanitiseLine(text)),
      ),
    );
  });

  it('takes whole sequences away, not only their escape character', () => {
    expect(sanitise('a\x1b[31mred\x1b[0mb')).toBe('aredb');
    expect(sanitise('a\x1b]0;title\x07b')).toBe('ab');
    expect(sanitise('a\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\b')).toBe('alinkb');
    expect(sanitise('a\x1bPq#0\x1b\\b')).toBe('ab');
    expect(sanitise('a\x9b2Jb')).toBe('ab');
    expect(sanitise('gnp.\u202eexe')).toBe('gnp.exe');
    expect(sanitise('\x1b\x1b[0m[31mx')).not.toContain('\x1b');
  });

  it('keeps ordinary text of every script as it is', () => {
    for (const text of ['prod-db', 'Zürich, 東京 – 👩‍💻', 'a\tb\nc']) expect(sanitise(text)).toBe(text);
  });

  it('keeps our own colours, and only those', () => {
    const style = makeStyle(1);
    expect(sanitiseStyled(`${style.bad('x')}\x1b[2J\x1b]0;t\x07`)).toBe(style.bad('x'));
    fc.assert(
      fc.property(hostile, (text) => !UNSAFE.test(sanitiseStyled(text).replace(/\x1b\[[0-9;]*m/g, ''))),
    );
  });

  it('cleans every string of an answer, names too', () => {
    expect(sanitiseDeep({ 'a\x1b[1m': ['x\x07', { b: 1, c: null }] })).toEqual({
      a: ['x', { b: 1, c: null }],
    });
  });
});

describe('json', () => {
  it('means exactly the value and has no character a terminal would obey', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = toJson({ text }, false);
        expect(JSON.parse(json)).toEqual({ text });
        expect(json).not.toMatch(UNSAFE);
      }),
    );
  });
});

describe('table', () => {
  const columns = [{ title: 'Name' }, { title: 'Size', align: 'right' }, { title: 'Text' }] as const;

  it('aligns columns and leaves nothing behind the last one', () => {
    expect(
      tableLines(
        columns,
        [
          ['a', '1', 'x'],
          ['longer', '200', ''],
        ],
        PLAIN,
      ),
    ).toEqual(['NAME    SIZE  TEXT', 'a          1  x', 'longer   200']);
  });

  it('counts wide characters as two columns', () => {
    expect(textWidth('東京')).toBe(4);
    expect(textWidth('👩‍💻')).toBe(2);
    expect(textWidth('é')).toBe(1);
    expect(
      tableLines(
        [{ title: 'n' }, { title: 'x' }],
        [
          ['東京', 'a'],
          ['abcd', 'b'],
        ],
        PLAIN,
      ).slice(1),
    ).toEqual(['東京  a', 'abcd  b']);
  });

  it('cannot be broken into more lines by a cell', () => {
    const lines = tableLines([{ title: 'n' }, { title: 'x' }], [['a\nb\x1b[2J', 'c\r\nd']], PLAIN);
    expect(lines[1]).toBe('a b  c d');
  });
});

describe('errors', () => {
  const error = new GwError('denied', 'No.\x1b[2J', { detail: 'because\nof that', hint: 'gw whoami' });

  it('are told as message, detail and hint', () => {
    expect(renderError(error, { json: false, debug: false, style: PLAIN })).toBe(
      'gw: No.\n  because\n  of that\n  hint: gw whoami\n',
    );
  });

  it('are one JSON line with --json', () => {
    expect(JSON.parse(renderError(error, { json: true, debug: false, style: PLAIN }))).toEqual({
      error: { code: 'denied', message: 'No.', detail: 'because\nof that', hint: 'gw whoami' },
    });
  });

  it('show no cause and no stack trace unless GW_DEBUG is set', () => {
    const bug = asGwError(new TypeError('secret internals'));
    const quiet = renderError(bug, { json: false, debug: false, style: PLAIN });
    expect(quiet).not.toContain('secret internals');
    expect(quiet).not.toMatch(/^\s+at /m);
    expect(renderError(bug, { json: false, debug: true, style: PLAIN })).toContain(
      'TypeError: secret internals',
    );
  });
});

describe('network errors', () => {
  it('are told by code, through causes and several attempts', () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    const several = Object.assign(new AggregateError([refused, refused]), { code: undefined });
    expect(explainNetworkError(new Error('fetch failed', { cause: several })).step).toBe('tcp');
    expect(explainNetworkError(Object.assign(new Error(), { code: 'ENOTFOUND' })).step).toBe('dns');
    expect(explainNetworkError(new DOMException('late', 'TimeoutError')).step).toBe('timeout');
    expect(
      explainNetworkError(Object.assign(new Error(), { code: 'SELF_SIGNED_CERT_IN_CHAIN' })).untrusted,
    ).toBe(true);
    expect(explainNetworkError(undefined).what).toBe('The connection failed.');
  });
});

describe('colour', () => {
  const terminal = { isTTY: true, getColorDepth: () => 8 };
  it.each([
    [terminal, {}, 2],
    [terminal, { NO_COLOR: '1' }, 0],
    [terminal, { NO_COLOR: '' }, 2],
    [terminal, { TERM: 'dumb' }, 0],
    [{ isTTY: false }, {}, 0],
    [{ isTTY: false }, { FORCE_COLOR: '1' }, 1],
    [{ isTTY: false }, { FORCE_COLOR: '' }, 1],
    [terminal, { FORCE_COLOR: '0' }, 0],
    [terminal, { NO_COLOR: '1', FORCE_COLOR: '3' }, 3],
  ])('of %j with %j is level %i', (stream, env, level) => {
    expect(colourLevel(stream, env)).toBe(level);
  });
});

describe('facts and times', () => {
  it('leave out what is not known', () => {
    expect(
      factLines(
        [
          ['a', '1'],
          ['none', undefined],
          ['longer', '2'],
        ],
        PLAIN,
      ),
    ).toEqual(['a       1', 'longer  2']);
  });
  it('tell distance in words', () => {
    expect(relativeTime(3_600_000, 0)).toBe('in 1h');
    expect(relativeTime(0, 90_000)).toBe('1m 30s ago');
    expect(relativeTime(10, 0)).toBe('now');
  });
});
