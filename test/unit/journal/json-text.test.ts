import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { jsonLine, jsonString, jsonText } from '../../../src/gateway/journal/json-text.ts';

const parsed = (text: Uint8Array | string) => JSON.parse(`{${jsonText(text).json}}`);
/** What a line must not contain, whatever the text: it would end a line or command a terminal somewhere. */
const RAW = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

const anyString = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });
const asciiWithControls = fc.string({ unit: fc.nat(0x7f).map((unit) => String.fromCharCode(unit)) });
const awkward = fc.constantFrom(
  '"',
  '\\',
  '\n',
  '\u0000',
  '\u007f',
  '\u0085',
  '\u2028',
  '\ud800',
  '\udc00',
  '😀',
  'é',
);
const text = fc.oneof(
  anyString,
  asciiWithControls,
  fc.array(awkward).map((parts) => parts.join('')),
);

describe('text of a statement as JSON', () => {
  it('gives any string back', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(parsed(value)).toEqual({ text: value });
      }),
    );
  });

  it('gives UTF-8 bytes back', () => {
    fc.assert(
      fc.property(text, (value) => {
        const bytes = Buffer.from(value);
        expect(parsed(bytes)).toEqual({ text: bytes.toString() });
      }),
    );
  });

  it('gives bytes that are not UTF-8 back, one character each, and says so', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (head) => {
        const bytes = Buffer.concat([head, Buffer.from([0xff])]);
        const { text: got, text_encoding: encoding } = parsed(bytes);
        expect(encoding).toBe('bytes');
        expect(Buffer.from(got, 'latin1')).toEqual(bytes);
      }),
    );
  });

  it('has no raw control character or line separator', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.uint8Array()), (value) => {
        expect(jsonText(value).json.toString()).not.toMatch(RAW);
      }),
    );
    fc.assert(
      fc.property(text, (value) => {
        expect(jsonString(value)).not.toMatch(RAW);
        expect(jsonLine({ [value]: [value] })).not.toMatch(RAW);
        expect(JSON.parse(jsonString(value))).toBe(value);
      }),
    );
  });

  it('keeps the beginning of a very long text, with its length and hash', () => {
    const bytes = Buffer.from(`SELECT '${'é'.repeat(LIMITS.journalTextBytes / 2)}'`);
    const got = parsed(bytes);
    expect(got).toMatchObject({
      truncated: true,
      text_bytes: bytes.length,
      text_sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(got.text_encoding).toBeUndefined();
    expect(bytes.toString().startsWith(got.text)).toBe(true);
    expect(Buffer.byteLength(got.text)).toBeGreaterThan(LIMITS.journalTextBytes - 4);
    expect(Buffer.byteLength(got.text)).toBeLessThanOrEqual(LIMITS.journalTextBytes);
  });

  it('keeps a text of exactly the limit whole', () => {
    const bytes = Buffer.alloc(LIMITS.journalTextBytes, 'x');
    expect(parsed(bytes)).toEqual({ text: bytes.toString() });
  });

  it('fits the limit of a line even when every byte is escaped', () => {
    const line = jsonText(Buffer.alloc(LIMITS.journalTextBytes * 2, 1)).json;
    expect(line.length).toBeLessThan(LIMITS.journalLineBytes - 256 * 1024);
  });
});
