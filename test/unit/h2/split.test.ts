import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAG, FRAME, PREFACE } from '../../../src/h2/frames.ts';
import { encodeHeaders } from '../../../src/h2/hpack-encoder.ts';
import { CONNECT, dataFrame, Ear, End, frame, headersFrame, SETTINGS, uint32 } from './support.ts';

/** However a transport cuts the bytes, the same is heard and the same is answered. */

const block = encodeHeaders({ ...CONNECT, 'gw-long': 'z'.repeat(40) });
const pad = (text: string, length: number): Buffer =>
  Buffer.concat([Buffer.of(length), Buffer.from(text), Buffer.alloc(length)]);

const TO_SERVER = Buffer.concat([
  PREFACE,
  frame(FRAME.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(70_000)])),
  frame(FRAME.SETTINGS, FLAG.ACK, 0),
  frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(1_000)),
  headersFrame(1, CONNECT),
  dataFrame(1, 'select 1'),
  frame(
    FRAME.HEADERS,
    FLAG.PADDED | FLAG.PRIORITY,
    3,
    pad(`\0\0\0\0\0${block.subarray(0, 9).toString('latin1')}`, 4),
  ),
  frame(FRAME.CONTINUATION, 0, 3, block.subarray(9, 30)),
  frame(FRAME.CONTINUATION, FLAG.END_HEADERS, 3, block.subarray(30)),
  frame(FRAME.PING, 0, 0, Buffer.from('12345678')),
  frame(0xee, 0, 3, Buffer.from('unknown')),
  frame(FRAME.DATA, FLAG.PADDED, 3, pad('padded', 7)),
  frame(FRAME.DATA, FLAG.PADDED, 3, pad('', 0)),
  dataFrame(1, ''),
  frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(5)),
  dataFrame(3, 'the end', FLAG.END_STREAM),
  frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(5)),
  dataFrame(1, 'select 2'),
  frame(FRAME.RST_STREAM, 0, 1, uint32(8)),
  frame(FRAME.GOAWAY, 0, 0, Buffer.concat([uint32(0, 0), Buffer.from('good bye')])),
]);

const TO_CLIENT = Buffer.concat([
  SETTINGS,
  frame(FRAME.SETTINGS, FLAG.ACK, 0),
  headersFrame(1, { ':status': '103' }),
  headersFrame(1, { ':status': '200', 'gw-session': 's' }),
  dataFrame(1, 'one'),
  headersFrame(3, { ':status': '503' }),
  dataFrame(3, '{"error":'),
  dataFrame(1, 'two', FLAG.END_STREAM),
  frame(FRAME.DATA, FLAG.PADDED | FLAG.END_STREAM, 3, pad('{}}', 3)),
  frame(FRAME.RST_STREAM, 0, 3, uint32(0)),
  frame(FRAME.GOAWAY, 0, 0, uint32(1, 0)),
]);

function heardByServer(pieces: Buffer[]): unknown {
  const server = new End('server');
  for (const piece of pieces) server.feed(piece);
  return {
    streams: server.accepted.map(({ stream, headers, ear }) => [stream.id, headers, heard(ear)]),
    goaways: server.goaways,
    closes: server.closes,
    sent: server.sent().map(({ type, id, payload }) => [type, id, payload.toString('hex')]),
  };
}

function heardByClient(pieces: Buffer[]): unknown {
  const client = new End('client');
  const answers: unknown[] = [];
  const ears = [1, 3].map(() => {
    const ear = new Ear();
    client.h2.open(CONNECT, (...answer) => answers.push(answer)).start(ear);
    return ear;
  });
  for (const piece of pieces) client.feed(piece);
  const sent = client.sent().map(({ type, id, payload }) => [type, id, payload.toString('hex')]);
  return { answers, ears: ears.map(heard), goaways: client.goaways, closes: client.closes, sent };
}

const heard = (ear: Ear): unknown[] => [ear.text, ear.ended, ear.closes, ear.error?.message, ear.late];

describe.each([
  ['a server', TO_SERVER, heardByServer],
  ['a client', TO_CLIENT, heardByClient],
] as const)('%s hears the same', (_, transcript, hear) => {
  const whole = hear([transcript]);

  it('and without a fault', () => {
    expect(whole).toMatchObject({ closes: [] });
    expect(whole).toMatchSnapshot();
  });

  it('for every split in two', () => {
    for (let at = 1; at < transcript.length; at++) {
      expect(hear([transcript.subarray(0, at), transcript.subarray(at)]), `split at ${at}`).toEqual(whole);
    }
  });

  it('byte by byte, and for pieces of every size', () => {
    for (let size = 1; size < 40; size++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < transcript.length; at += size) pieces.push(transcript.subarray(at, at + size));
      expect(hear(pieces), `pieces of ${size}`).toEqual(whole);
    }
  });

  it('for any pieces, in a buffer that is used again', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sizes) => {
        const pieces: Buffer[] = [];
        for (let at = 0, i = 0; at < transcript.length; i++) {
          const size = sizes[i % sizes.length]!;
          pieces.push(Buffer.from(transcript.subarray(at, at + size)));
          at += size;
        }
        expect(hear(pieces)).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });
});
