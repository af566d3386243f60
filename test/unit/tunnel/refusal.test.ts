import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fatal, refusedBy } from '../../../src/cli/tunnel/refusal.ts';
import { GwError } from '../../../src/core/errors.ts';
import { decodeErrorResponse } from '../../../src/wire/notice-fields.ts';

const body = (error: object): Buffer => Buffer.from(JSON.stringify({ error }));

describe('refusedBy', () => {
  it('is the error the gateway named', () => {
    const error = refusedBy(403, body({ code: 'denied', message: 'No.', detail: 'D', hint: 'gw ls' }));
    expect(error).toMatchObject({ code: 'denied', message: 'No.', detail: 'D', hint: 'gw ls' });
  });
  it('goes by the status where the code is of a newer gateway', () => {
    expect(refusedBy(403, body({ code: 'brand_new', message: 'No.' })).code).toBe('denied');
    expect(refusedBy(418, body({ code: 'toString', message: 'No.' })).code).toBe('failed');
  });
  it('takes control characters out of its texts', () => {
    const error = refusedBy(403, body({ code: 'denied', message: 'a\x1b]0;x\x07b', hint: '\x9b1m' }));
    expect(`${error.message}${error.hint}`).toBe('ab');
  });
  it('makes an error of anything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), fc.uint8Array({ maxLength: 200 }), (status, bytes) => {
        expect(refusedBy(status, Buffer.from(bytes))).toBeInstanceOf(GwError);
      }),
    );
  });
});

it('tells a client what it can show', () => {
  const error = new GwError('denied', 'You may not.', {
    detail: 'D',
    hint: 'gw request',
    cause: new Error('secret'),
  });
  const message = fatal(error);
  expect(decodeErrorResponse(message.subarray(5))).toMatchObject({
    severity: 'FATAL',
    sqlstate: '42501',
    message: 'You may not.',
    detail: 'D',
    hint: 'gw request',
  });
  expect(message.includes('secret')).toBe(false);
});
