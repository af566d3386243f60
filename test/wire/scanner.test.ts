import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GwError } from '../../src/core/errors.ts';
import { copyData } from '../../src/wire/build-frontend.ts';
import { MessageScanner, scanRules } from '../../src/wire/scanner.ts';
import { FRONTEND, isFrontendType } from '../../src/wire/types.ts';
import { cut, Relay, scanAll, type Verdict } from './scan.ts';
import './seed.ts';
import { readTranscript } from './transcript.ts';

const { query, bind: BIND, execute, sync, copyData: COPY } = FRONTEND;
const COLLECTED: Record<number, number> = { [query]: 300, [BIND]: 12, [execute]: 300, [sync]: 0 };
const RULES = scanRules({
  peer: 'the client',
  isKnownType: isFrontendType,
  maxMessageBytes: 100_000,
  bodyLimit: (type) => COLLECTED[type] ?? -1,
  partial: (type) => type === BIND,
});

const frame = (type: number, body: Uint8Array): Buffer => {
  const header = Buffer.from([type, 0, 0, 0, 0]);
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
};
const header = (type: number, length: number): Buffer => {
  const bytes = Buffer.from([type, 0, 0, 0, 0]);
  bytes.writeInt32BE(length, 1);
  return bytes;
};

/** What the scanner must report, found the simple way. */
function expectedEvents(stream: Buffer): string[] {
  const events: string[] = [];
  for (let at = 0; at < stream.length; ) {
    const type = stream[at]!;
    const length = stream.readInt32BE(at + 1) - 4;
    const limit = COLLECTED[type] ?? -1;
    const body = stream.subarray(at + 5, at + 5 + Math.min(length, limit));
    events.push(
      limit < 0 ? `passing ${type} ${length}` : `message ${type} ${length} ${body.toString('hex')}`,
    );
    at += 5 + length;
  }
  return events;
}

const recorded = ['psql-simple.txt', 'node-clients.txt', 'protocol-3.2.txt'].flatMap((file) =>
  readTranscript(file).filter((line) => line.direction === 'F' && line.name !== 'Startup'),
);
const transcript = Buffer.concat(recorded.map((line) => line.message));

const messages = fc.array(
  fc
    .tuple(
      fc.constantFrom(query, BIND, execute, COPY, FRONTEND.parse, FRONTEND.copyFail),
      fc.uint8Array({ maxLength: 60 }),
    )
    .map(([type, body]) => frame(type, body)),
  { maxLength: 12 },
);
const chunkings = messages.chain((list) => {
  const stream = Buffer.concat(list);
  return fc.record({
    list: fc.constant(list),
    stream: fc.constant(stream),
    offsets: fc.array(fc.nat({ max: stream.length }), { maxLength: 20 }),
  });
});

describe('MessageScanner', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('reports every message of a real transcript', () => {
    const scan = scanAll(RULES, [transcript]);
    expect(scan.events).toEqual(expectedEvents(transcript));
    expect(scan.events).toHaveLength(recorded.length);
    expect(scan.forwarded).toEqual(transcript);
    expect(scan.atBoundary).toBe(true);
  });

  it('reports the same at every split point of the transcript', () => {
    const whole = scanAll(RULES, [transcript]).events.join();
    for (let offset = 0; offset <= transcript.length; offset++) {
      const scan = scanAll(RULES, cut(transcript, [offset]));
      if (scan.events.join() !== whole) expect.fail(`differs when split at ${offset}`);
      if (!scan.forwarded.equals(transcript)) expect.fail(`forwards other bytes when split at ${offset}`);
    }
  });

  it('reports the same at every pair of split points, byte by byte too', () => {
    const short = Buffer.concat([
      frame(query, Buffer.from('select 1\0')),
      frame(BIND, Buffer.alloc(30, 7)),
      frame(COPY, Buffer.alloc(4)),
      frame(sync, Buffer.alloc(0)),
    ]);
    const whole = scanAll(RULES, [short]);
    for (let a = 0; a <= short.length; a++) {
      for (let b = a; b <= short.length; b++) {
        const scan = scanAll(RULES, cut(short, [a, b]));
        if (JSON.stringify(scan) !== JSON.stringify(whole))
          expect.fail(`differs when split at ${a} and ${b}`);
      }
    }
    const single = cut(
      transcript,
      Array.from({ length: transcript.length }, (_, i) => i),
    );
    expect(scanAll(RULES, single).events).toEqual(expectedEvents(transcript));
  });

  it('any chunking of any messages gives the same events, and the relay the same bytes', () => {
    fc.assert(
      fc.property(chunkings, fc.boolean(), ({ stream, offsets }, pausing) => {
        const scan = scanAll(RULES, cut(stream, offsets), undefined, pausing);
        expect(scan.events).toEqual(expectedEvents(stream));
        expect(scan.forwarded.equals(stream)).toBe(true);
        expect(scan.atBoundary).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('any message can be dropped or replaced, however it was cut', () => {
    const verdicts = fc.array(fc.constantFrom<Verdict>('forward', 'drop', Buffer.from('<other>')), {
      minLength: 12,
      maxLength: 12,
    });
    fc.assert(
      fc.property(chunkings, verdicts, fc.boolean(), ({ list, stream, offsets }, verdict, pausing) => {
        const scan = scanAll(RULES, cut(stream, offsets), (_, index) => verdict[index]!, pausing);
        const expected = list.map((message, i) =>
          verdict[i] === 'forward'
            ? message
            : verdict[i] === 'drop'
              ? Buffer.alloc(0)
              : (verdict[i] as Buffer),
        );
        expect(scan.forwarded.toString('hex')).toBe(Buffer.concat(expected).toString('hex'));
      }),
      { numRuns: 400 },
    );
  });

  it('forwards nothing of a message it has not reported', () => {
    for (let size = 0; size <= 14; size++) {
      const scan = scanAll(RULES, [frame(query, Buffer.from('select 1\0')).subarray(0, size)]);
      expect(scan.forwarded.length).toBe(size === 14 ? 14 : 0);
      expect(scan.atBoundary).toBe(size === 0 || size === 14);
    }
  });

  it('hands out a body that lies in one chunk as a view, and copies only one that does not', () => {
    const chunk = frame(query, Buffer.from('select 1\0'));
    const bodies: Buffer[] = [];
    const handler = { message: (_: number, body: Buffer) => void bodies.push(body), passing() {}, rest() {} };
    new MessageScanner(RULES).scan(chunk, handler);
    const split = new MessageScanner(RULES);
    const tail = Buffer.from(chunk.subarray(3));
    split.scan(Buffer.from(chunk.subarray(0, 3)), handler);
    split.scan(tail, handler);
    expect(bodies.map(String)).toEqual(['select 1\0', 'select 1\0']);
    expect(bodies[0]!.buffer).toBe(chunk.buffer);
    expect(bodies[1]!.buffer).toBe(tail.buffer);
  });

  it('reports a partial message as soon as its beginning is there', () => {
    const relay = new Relay(RULES);
    relay.receive(frame(BIND, Buffer.alloc(50_000, 1)).subarray(0, 17));
    expect(relay.events).toEqual([`message ${BIND} 50000 ${'01'.repeat(12)}`]);
    expect(relay.result().forwarded.length).toBe(17);
  });

  it('keeps memory by what has come, not by what a header promises', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafe');
    const rules = scanRules({
      peer: 'x',
      isKnownType: () => true,
      maxMessageBytes: 1 << 30,
      bodyLimit: () => 1 << 30,
    });
    const relay = new Relay(rules);
    relay.receive(header(query, 1 << 30));
    for (let i = 0; i < 100; i++) relay.receive(Buffer.alloc(100));
    expect(Math.max(...allocate.mock.calls.map(([size]) => size))).toBeLessThan(40_000);
  });

  it('counts a message larger than int31 of chunks without holding it', () => {
    const rules = scanRules({
      peer: 'x',
      isKnownType: () => true,
      maxMessageBytes: 0x3fff_ffff,
      bodyLimit: () => -1,
    });
    const scanner = new MessageScanner(rules);
    const events: number[] = [];
    const handler = {
      message() {},
      passing: (_: number, length: number) => void events.push(length),
      rest() {},
    };
    scanner.scan(header(COPY, 0x3fff_ffff + 4), handler);
    const megabyte = Buffer.alloc(1 << 20);
    for (let i = 0; i < 1023; i++) scanner.scan(megabyte, handler);
    expect(scanner.atBoundary).toBe(false);
    scanner.scan(megabyte.subarray(1), handler);
    expect(scanner.atBoundary).toBe(true);
    scanner.scan(copyData(Buffer.alloc(7)), handler);
    expect(events).toEqual([0x3fff_ffff, 7]);
  });

  it('stops where it is told, and another scanner can go on', () => {
    const stream = Buffer.concat([frame(execute, Buffer.from('a')), frame(execute, Buffer.from('b'))]);
    const first = new MessageScanner(RULES);
    const end = first.scan(stream, { message: () => first.stop(), passing() {}, rest() {} });
    expect(end).toBe(6);
    expect(first.atBoundary).toBe(true);
    expect(scanAll(RULES, [stream.subarray(end)]).events).toEqual([`message ${execute} 1 62`]);
  });
});

describe('MessageScanner refuses', () => {
  const failure = (bytes: Buffer, offsets: number[] = []): GwError => {
    try {
      scanAll(RULES, cut(bytes, offsets));
    } catch (error) {
      if (error instanceof GwError) return error;
      throw error;
    }
    throw new Error('it did not');
  };

  it.each([
    ['an unknown type', header(0x7a, 12), 'protocol_violation', "type 'z' with length 12"],
    ['an unprintable type', header(0x00, 12), 'protocol_violation', 'type 0x00 with length 12'],
    ['a length that does not count itself', header(COPY, 3), 'protocol_violation', "type 'd' with length 3"],
    ['a zero length', header(query, 0), 'protocol_violation', "type 'Q' with length 0"],
    ['a negative length', header(COPY, -1), 'protocol_violation', "type 'd' with length -1"],
    ['the most negative length', header(BIND, -0x8000_0000), 'protocol_violation', 'with length -2147483648'],
    ['the largest length', header(COPY, 0x7fff_ffff), 'protocol_violation', 'with length 2147483647'],
    [
      'one byte more than a message may have',
      header(COPY, 100_005),
      'protocol_violation',
      'with length 100005',
    ],
    ['more than it is to collect', header(query, 305), 'limit', "type 'Q' with length 305"],
    ['a body where there is none', header(sync, 5), 'limit', "type 'S' with length 5"],
  ] as const)('%s', (_, bytes, code, text) => {
    for (const offsets of [[], [1], [4], [1, 2, 3, 4]]) {
      const error = failure(bytes, offsets);
      expect(error.code).toBe(code);
      expect(error.message).toContain(`the client sent a message of ${text.startsWith('type') ? text : ''}`);
      expect(error.message).toContain(text);
    }
  });

  it('only with GwError, whatever the bytes, and at any chunking alike', () => {
    const outcome = (chunks: Buffer[]): string => {
      const relay = new Relay(RULES);
      try {
        for (const chunk of chunks) relay.receive(chunk);
      } catch (error) {
        expect(error).toBeInstanceOf(GwError);
        return [...relay.events, (error as GwError).message].join('\n');
      }
      return relay.events.join('\n');
    };
    const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    const broken = fc.tuple(messages, noise).map(([list, bytes]) => Buffer.concat([...list, bytes]));
    fc.assert(
      fc.property(
        fc.oneof(noise, broken),
        fc.array(fc.nat({ max: 200 }), { maxLength: 8 }),
        (bytes, offsets) => {
          const inside = offsets.filter((offset) => offset <= bytes.length);
          expect(outcome(cut(bytes, inside))).toBe(outcome([bytes]));
        },
      ),
      { numRuns: 500 },
    );
  });
});
