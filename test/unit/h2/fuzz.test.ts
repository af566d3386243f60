import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAG, FRAME, PREFACE } from '../../../src/h2/frames.ts';
import { CONNECT, dataFrame, Ear, End, frame, headersFrame, SETTINGS, uint32 } from './support.ts';

/**
 * Hostile bytes. Whatever comes, receive() throws nothing, turns come to rest, what waits to be sent stays small,
 * no owner hears anything after its close, and a connection that ended says so with GOAWAY, once.
 */

const OUTPUT_LIMIT_BYTES = 64 * 1024;

function check(end: End, ears: readonly Ear[], pieces: readonly Buffer[]): void {
  for (const piece of pieces) {
    end.feed(piece);
    expect(end.pipe.size).toBeLessThan(OUTPUT_LIMIT_BYTES);
  }
  for (const ear of ears) {
    expect(ear.late).toBe(false);
    expect(ear.closes).toBeLessThanOrEqual(1);
  }
  expect(end.closes.length).toBeLessThanOrEqual(1);
  expect(end.pipe.closed).toBe(end.closes.length === 1);
  if (end.pipe.closed) {
    expect(end.sent().filter(({ type }) => type === FRAME.GOAWAY)).not.toHaveLength(0);
    for (const ear of ears) expect(ear.closes).toBe(1);
  }
}

function checkServer(pieces: readonly Buffer[]): void {
  const server = new End('server');
  check(server, earsOf(server), pieces);
}

function checkClient(pieces: readonly Buffer[]): void {
  const client = new End('client');
  const ears = [1, 3, 5].map(() => {
    const ear = new Ear();
    client.h2.open(CONNECT).start(ear);
    return ear;
  });
  check(client, ears, pieces);
}

/** The ears of streams that are accepted later as well. */
const earsOf = (server: End): Ear[] =>
  new Proxy([] as Ear[], {
    get: (_, key) =>
      Reflect.get(
        server.accepted.map(({ ear }) => ear),
        key,
      ),
  });

const SERVER_TALK = [
  PREFACE,
  SETTINGS,
  headersFrame(1, CONNECT),
  dataFrame(1, 'hello'),
  headersFrame(3, CONNECT, 0),
  frame(FRAME.CONTINUATION, FLAG.END_HEADERS, 3, Buffer.from('00016100', 'hex')),
  frame(FRAME.DATA, FLAG.PADDED, 3, Buffer.from('\x04data\0\0\0\0')),
  frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(100)),
  frame(FRAME.PING, 0, 0, Buffer.alloc(8)),
  dataFrame(1, 'bye', FLAG.END_STREAM),
  frame(FRAME.RST_STREAM, 0, 3, uint32(8)),
  frame(FRAME.GOAWAY, 0, 0, uint32(0, 0)),
];
const CLIENT_TALK = [
  SETTINGS,
  headersFrame(1, { ':status': '200' }),
  dataFrame(1, 'hello'),
  headersFrame(3, { ':status': '403' }),
  dataFrame(3, 'no', FLAG.END_STREAM),
  frame(FRAME.RST_STREAM, 0, 3, uint32(0)),
  frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(100)),
  frame(FRAME.GOAWAY, 0, 0, uint32(3, 0)),
];

/** Bits flipped, bytes dropped, doubled or put in. */
const mutations = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('flip', 'drop', 'double', 'insert', 'cut'),
    byte: fc.nat(255),
  }),
  { minLength: 1, maxLength: 6 },
);

function mutate(bytes: Buffer, list: { at: number; kind: string; byte: number }[]): Buffer {
  let out = Buffer.from(bytes);
  for (const { at, kind, byte } of list) {
    const i = at % Math.max(1, out.length);
    if (kind === 'flip' && out.length > 0) out[i] = out[i]! ^ (1 << (byte & 7));
    else if (kind === 'cut') out = out.subarray(0, i);
    else {
      const middle =
        kind === 'insert' ? Buffer.of(byte) : kind === 'double' ? out.subarray(i, i + byte) : Buffer.alloc(0);
      out = Buffer.concat([out.subarray(0, i), middle, out.subarray(kind === 'drop' ? i + 1 : i)]);
    }
  }
  return out;
}

/** Well-framed nonsense: reaches deeper than noise does. */
const anyFrame = fc
  .record({
    type: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.nat(255)),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d), fc.nat(255)),
    id: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(0x7fff_ffff)),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(uint32(0), uint32(1), uint32(0x7fff_ffff), Buffer.alloc(8), Buffer.alloc(5_000)),
      fc.constant(headersFrame(1, CONNECT).subarray(9)),
      fc.constant(headersFrame(1, { ':status': '200' }).subarray(9)),
    ),
  })
  .map(({ type, flags, id, payload }) => frame(type, flags, id, payload));

describe('hostile bytes', () => {
  it('as noise', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), fc.boolean(), (noise, greeted) => {
        const pieces = noise.map((bytes) => Buffer.from(bytes));
        checkServer(greeted ? [PREFACE, SETTINGS, ...pieces] : pieces);
        checkClient(greeted ? [SETTINGS, ...pieces] : pieces);
      }),
      { numRuns: 500 },
    );
  });

  it('as a conversation gone wrong', () => {
    fc.assert(
      fc.property(mutations, fc.integer({ min: 1, max: 500 }), (list, size) => {
        const cut = (bytes: Buffer): Buffer[] =>
          Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
            bytes.subarray(i * size, (i + 1) * size),
          );
        checkServer(cut(mutate(Buffer.concat(SERVER_TALK), list)));
        checkClient(cut(mutate(Buffer.concat(CLIENT_TALK), list)));
      }),
      { numRuns: 800 },
    );
  });

  it('as frames in any order', () => {
    const serverFrame = fc.oneof(anyFrame, fc.constantFrom(...SERVER_TALK.slice(1)));
    const clientFrame = fc.oneof(anyFrame, fc.constantFrom(...CLIENT_TALK));
    fc.assert(
      fc.property(
        fc.array(serverFrame, { maxLength: 40 }),
        fc.array(clientFrame, { maxLength: 40 }),
        (a, b) => {
          checkServer([PREFACE, SETTINGS, ...a]);
          checkClient([SETTINGS, ...b]);
        },
      ),
      { numRuns: 800 },
    );
  });
});
