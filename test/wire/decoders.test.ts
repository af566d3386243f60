import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GwError } from '../../src/core/errors.ts';
import { commandRows } from '../../src/wire/command-tag.ts';
import { decodeBindNames } from '../../src/wire/frontend.ts';
import { sqlstateOf } from '../../src/wire/notice-fields.ts';
import { startupPacketBytes } from '../../src/wire/startup.ts';
import { bodyOf, CODECS, type Codec } from './codecs.ts';
import { plain } from './plain.ts';
import './seed.ts';

const EXPECTED = new Set(['protocol_violation', 'unsupported', 'limit']);

/** Runs a decoder; the only thing it may throw is a GwError with one of these codes. */
function attempt(decode: (body: Buffer) => unknown, body: Buffer): unknown {
  try {
    return decode(body);
  } catch (error) {
    if (error instanceof GwError && EXPECTED.has(error.code)) return undefined;
    throw error;
  }
}

/** The body inside a larger buffer full of zeros and 0xff: a read beyond its end would find something. */
function embedded(body: Uint8Array): Buffer {
  const around = Buffer.concat([Buffer.alloc(64), body, Buffer.alloc(64, 0xff), Buffer.alloc(64)]);
  return around.subarray(64, 64 + body.length);
}

const codecs = CODECS.map((codec) => [`${codec.direction} ${codec.name}`, codec] as const);
const FREE_FORM = new Set(['SASLResponse', 'CopyData']);

describe.each(codecs)('%s', (_, codec: Codec) => {
  it('reads what it builds', () => {
    fc.assert(
      fc.property(codec.values, (value) => {
        const message = codec.build(value);
        expect(message.readInt32BE(codec.type === undefined ? 0 : 1)).toBe(
          message.length - (codec.type === undefined ? 0 : 1),
        );
        expect(plain(codec.decode(bodyOf(codec, message)))).toEqual(plain(value));
      }),
    );
  });

  it('takes random bytes without breaking', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        attempt(codec.decode, embedded(bytes));
      }),
      { numRuns: 200 },
    );
  });

  it('refuses every truncation', () => {
    if (FREE_FORM.has(codec.name)) return;
    fc.assert(
      fc.property(codec.values, (value) => {
        const body = bodyOf(codec, codec.build(value));
        for (let size = 0; size < body.length; size++) {
          const result = attempt(codec.decode, embedded(body.subarray(0, size)));
          if (result !== undefined && !isShorterForm(codec, value)) {
            expect.fail(`${size} of ${body.length} bytes were read as ${JSON.stringify(plain(result))}`);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('refuses bytes left over', () => {
    if (FREE_FORM.has(codec.name)) return;
    fc.assert(
      fc.property(codec.values, (value) => {
        const body = bodyOf(codec, codec.build(value));
        if (isShorterForm(codec, value)) return;
        expect(() => codec.decode(embedded(Buffer.concat([body, Buffer.from([1])])))).toThrow(GwError);
      }),
      { numRuns: 40 },
    );
  });

  it('takes flipped bits without breaking', () => {
    fc.assert(
      fc.property(
        codec.values,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1 }),
        (value, flips) => {
          const body = Buffer.from(bodyOf(codec, codec.build(value)));
          for (const [at, bit] of flips) if (body.length > 0) body[at % body.length]! ^= 1 << bit;
          attempt(codec.decode, embedded(body));
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Messages that end with bytes of any number: a key, or what a mechanism sends. */
function isShorterForm(codec: Codec, value: unknown): boolean {
  const kind = (value as { kind?: string } | null)?.kind ?? '';
  return (
    codec.name === 'BackendKeyData' || kind === 'cancel' || kind === 'saslContinue' || kind === 'saslFinal'
  );
}

describe('reading only a part', () => {
  it.each([
    ['decodeBindNames', (body: Buffer) => decodeBindNames(body, body.length + 1)],
    ['commandRows', commandRows],
    ['sqlstateOf', sqlstateOf],
    ['startupPacketBytes', startupPacketBytes],
  ] as const)('%s takes random bytes without breaking', (_, decode) => {
    const almost = fc.array(fc.constantFrom(0, 0x20, 0x30, 0x39, 0x43, 0x41), { maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), almost.map(Buffer.from)), (bytes) => {
        attempt(decode, embedded(Buffer.from(bytes)));
      }),
      { numRuns: 500 },
    );
  });
});
