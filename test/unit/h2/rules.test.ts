import { describe, expect, it } from 'vitest';
import { CODE, FLAG, FRAME, PREFACE } from '../../../src/h2/frames.ts';
import {
  CONNECT,
  dataFrame,
  End,
  frame,
  framesOf,
  greetedClient,
  greetedServer,
  headersFrame,
  SETTINGS,
  uint32,
} from './support.ts';

/** RFC 9113: which bytes end the connection, which only a stream, and which are nothing to us. */

const KiB = 1024;

/** A header block of literals, as hostile as wanted. */
function rawBlock(...fields: [string, string][]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.of(0, name.length),
      Buffer.from(name, 'latin1'),
      Buffer.of(value.length),
      Buffer.from(value, 'latin1'),
    ]),
  );
}
const rawHeaders = (...fields: [string, string][]): Buffer =>
  frame(FRAME.HEADERS, FLAG.END_HEADERS, 1, rawBlock(...fields));
const setting = (id: number, value: number): Buffer =>
  frame(FRAME.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, id), uint32(value)]));
const oversized = Buffer.concat([Buffer.of(1, 0, 1), frame(FRAME.DATA, 0, 1).subarray(3)]);
const open1 = headersFrame(1, CONNECT);
const open1Ended = headersFrame(1, CONNECT, FLAG.END_HEADERS | FLAG.END_STREAM);
const begun = headersFrame(1, CONNECT, 0);
const ping = frame(FRAME.PING, 0, 0, Buffer.alloc(8));

describe('a server ends the connection', () => {
  it.each<[string, number, Buffer[]]>([
    ['DATA on stream 0', CODE.PROTOCOL_ERROR, [dataFrame(0, 'x')]],
    ['DATA on an idle stream', CODE.PROTOCOL_ERROR, [dataFrame(1, 'x')]],
    ['HEADERS on stream 0', CODE.PROTOCOL_ERROR, [headersFrame(0, CONNECT)]],
    ['HEADERS on an even stream', CODE.PROTOCOL_ERROR, [headersFrame(2, CONNECT)]],
    [
      'HEADERS on a stream below the last',
      CODE.STREAM_CLOSED,
      [headersFrame(5, CONNECT), headersFrame(3, CONNECT)],
    ],
    ['RST_STREAM on stream 0', CODE.PROTOCOL_ERROR, [frame(FRAME.RST_STREAM, 0, 0, uint32(8))]],
    ['RST_STREAM on an idle stream', CODE.PROTOCOL_ERROR, [frame(FRAME.RST_STREAM, 0, 3, uint32(8))]],
    [
      'RST_STREAM of five bytes',
      CODE.FRAME_SIZE_ERROR,
      [open1, frame(FRAME.RST_STREAM, 0, 1, Buffer.alloc(5))],
    ],
    ['WINDOW_UPDATE on an idle stream', CODE.PROTOCOL_ERROR, [frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(1))]],
    [
      'WINDOW_UPDATE of three bytes',
      CODE.FRAME_SIZE_ERROR,
      [frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    ],
    ['WINDOW_UPDATE by nothing', CODE.PROTOCOL_ERROR, [frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(0))]],
    [
      'a connection window beyond 2^31-1',
      CODE.FLOW_CONTROL_ERROR,
      [frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(0x7fff_ffff))],
    ],
    ['CONTINUATION without HEADERS', CODE.PROTOCOL_ERROR, [frame(FRAME.CONTINUATION, 4, 1)]],
    ['CONTINUATION after END_HEADERS', CODE.PROTOCOL_ERROR, [open1, frame(FRAME.CONTINUATION, 4, 1)]],
    ['DATA within a header block', CODE.PROTOCOL_ERROR, [begun, dataFrame(1, 'x')]],
    ['PING within a header block', CODE.PROTOCOL_ERROR, [begun, ping]],
    ['an unknown frame within a header block', CODE.PROTOCOL_ERROR, [begun, frame(0xfa, 0, 1)]],
    ['CONTINUATION of another stream', CODE.PROTOCOL_ERROR, [begun, frame(FRAME.CONTINUATION, 4, 3)]],
    ['SETTINGS on a stream', CODE.PROTOCOL_ERROR, [frame(FRAME.SETTINGS, 0, 1)]],
    ['SETTINGS of five bytes', CODE.FRAME_SIZE_ERROR, [frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(5))]],
    ['a SETTINGS ACK with a payload', CODE.FRAME_SIZE_ERROR, [frame(FRAME.SETTINGS, 1, 0, Buffer.alloc(6))]],
    ['ENABLE_PUSH of 2', CODE.PROTOCOL_ERROR, [setting(2, 2)]],
    ['an initial window of 2^31', CODE.FLOW_CONTROL_ERROR, [setting(4, 0x8000_0000)]],
    [
      'an initial window that overflows a stream',
      CODE.FLOW_CONTROL_ERROR,
      [open1, frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(0x7fff_0000)), setting(4, 0x7fff_ffff)],
    ],
    ['a maximum frame size of 16383', CODE.PROTOCOL_ERROR, [setting(5, 16_383)]],
    ['a maximum frame size of 2^24', CODE.PROTOCOL_ERROR, [setting(5, 1 << 24)]],
    ['PING on a stream', CODE.PROTOCOL_ERROR, [frame(FRAME.PING, 0, 1, Buffer.alloc(8))]],
    ['PING of seven bytes', CODE.FRAME_SIZE_ERROR, [frame(FRAME.PING, 0, 0, Buffer.alloc(7))]],
    ['GOAWAY on a stream', CODE.PROTOCOL_ERROR, [frame(FRAME.GOAWAY, 0, 1, Buffer.alloc(8))]],
    ['GOAWAY of seven bytes', CODE.FRAME_SIZE_ERROR, [frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(7))]],
    ['PUSH_PROMISE', CODE.PROTOCOL_ERROR, [open1, frame(FRAME.PUSH_PROMISE, 4, 1, uint32(2))]],
    ['a frame larger than we allow', CODE.FRAME_SIZE_ERROR, [open1, oversized]],
    [
      'a header block that cannot be decoded',
      CODE.COMPRESSION_ERROR,
      [frame(FRAME.HEADERS, 4, 1, Buffer.of(0x80))],
    ],
    [
      'padding longer than DATA',
      CODE.PROTOCOL_ERROR,
      [open1, frame(FRAME.DATA, FLAG.PADDED, 1, Buffer.of(1))],
    ],
    ['padded DATA without a length', CODE.FRAME_SIZE_ERROR, [open1, frame(FRAME.DATA, FLAG.PADDED, 1)]],
    ['padding longer than HEADERS', CODE.PROTOCOL_ERROR, [frame(FRAME.HEADERS, 0xc, 1, Buffer.of(1))]],
    ['padded HEADERS without a length', CODE.PROTOCOL_ERROR, [frame(FRAME.HEADERS, 0xc, 1)]],
    [
      'HEADERS shorter than its priority',
      CODE.PROTOCOL_ERROR,
      [frame(FRAME.HEADERS, 0x24, 1, Buffer.alloc(4))],
    ],
  ])('on %s', (_, code, frames) => {
    const server = greetedServer();
    server.feed(...frames);
    expect(server.goawayCode()).toBe(code);
    expect(server.pipe.closed).toBe(true);
    expect(server.closes).toEqual([expect.objectContaining({ h2Code: code })]);
    for (const { ear } of server.accepted) expect(ear.closes).toBe(1);
    server.feed(ping);
    expect(server.sent()).toEqual([]);
  });

  it('on another preface', () => {
    const server = new End('server');
    server.feed(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(server.goawayCode()).toBe(CODE.PROTOCOL_ERROR);
  });

  it.each([
    ['a frame before SETTINGS', ping],
    ['a SETTINGS ACK first', frame(FRAME.SETTINGS, 1, 0)],
    ['DATA first', dataFrame(1, '')],
  ])('on %s', (_, bytes) => {
    const server = new End('server');
    server.feed(PREFACE, bytes);
    expect(server.goawayCode()).toBe(CODE.PROTOCOL_ERROR);
  });

  it('on DATA for a stream that ended both ways', () => {
    const server = greetedServer();
    server.feed(open1Ended);
    server.accepted[0]!.stream.end();
    server.feed(dataFrame(1, 'x'));
    expect(server.goawayCode()).toBe(CODE.STREAM_CLOSED);
  });

  it('on more DATA than the connection window holds', () => {
    const server = greetedServer({
      initialWindowBytes: 65_535,
      connectionWindowBytes: 65_535,
      answer: false,
    });
    server.feed(headersFrame(1, CONNECT), headersFrame(3, CONNECT), dataFrame(1, Buffer.alloc(60 * KiB)));
    server.feed(dataFrame(3, Buffer.alloc(5 * KiB)));
    expect(server.goawayCode()).toBe(CODE.FLOW_CONTROL_ERROR);
  });

  it('only once, and tells the last stream it knew', () => {
    const server = greetedServer();
    server.feed(open1, headersFrame(7, CONNECT), frame(FRAME.PING, 0, 1, Buffer.alloc(8)), dataFrame(9, 'x'));
    const goaways = server.sent().filter(({ type }) => type === FRAME.GOAWAY);
    expect(goaways.map(({ payload }) => payload.readUInt32BE(0))).toEqual([7]);
    expect(server.closes).toHaveLength(1);
  });
});

describe('a server ends the stream only', () => {
  const connect: [string, string][] = [
    [':method', 'CONNECT'],
    [':authority', 'db:5432'],
  ];

  it.each<[string, number, Buffer[]]>([
    [
      'another method',
      CODE.HTTP_1_1_REQUIRED,
      [rawHeaders([':method', 'GET'], [':path', '/'], [':scheme', 'https'])],
    ],
    ['no method', CODE.PROTOCOL_ERROR, [rawHeaders([':authority', 'db:1'])]],
    ['no authority', CODE.PROTOCOL_ERROR, [rawHeaders([':method', 'CONNECT'])]],
    ['an empty authority', CODE.PROTOCOL_ERROR, [rawHeaders([':method', 'CONNECT'], [':authority', ''])]],
    ['CONNECT with a path', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, [':path', '/'])]],
    ['CONNECT with a scheme', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, [':scheme', 'https'])]],
    ['extended CONNECT', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, [':protocol', 'websocket'])]],
    ['a response pseudo-header', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, [':status', '200'])]],
    ['a repeated pseudo-header', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, [':authority', 'db:1'])]],
    [
      'a pseudo-header behind others',
      CODE.PROTOCOL_ERROR,
      [rawHeaders(connect[0]!, ['a', 'b'], connect[1]!)],
    ],
    ['an upper-case name', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['Authorization', 'x'])]],
    ['an empty name', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['', 'x'])]],
    ['a line break in a value', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['a', 'x\r\nb: c'])]],
    ['a value in spaces', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['a', ' x'])]],
    ['a connection header', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['connection', 'close'])]],
    ['transfer-encoding', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['transfer-encoding', 'chunked'])]],
    ['te other than trailers', CODE.PROTOCOL_ERROR, [rawHeaders(...connect, ['te', 'gzip'])]],
    ['a second HEADERS', CODE.PROTOCOL_ERROR, [open1, headersFrame(1, { 'a-trailer': 'x' }, 5)]],
    ['HEADERS after END_STREAM', CODE.STREAM_CLOSED, [open1Ended, headersFrame(1, { a: 'x' }, 5)]],
    ['DATA after END_STREAM', CODE.STREAM_CLOSED, [open1Ended, dataFrame(1, 'x')]],
    ['WINDOW_UPDATE by nothing', CODE.PROTOCOL_ERROR, [open1, frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(0))]],
    [
      'a window beyond 2^31-1',
      CODE.FLOW_CONTROL_ERROR,
      [open1, frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(0x7fff_ffff))],
    ],
  ])('on %s', (_, code, frames) => {
    const server = greetedServer();
    server.feed(...frames);
    const resets = server.sent().filter(({ type }) => type === FRAME.RST_STREAM);
    expect(resets.map(({ id, payload }) => [id, payload.readUInt32BE()])).toEqual([[1, code]]);
    expect(server.h2.activeStreams).toBe(0);
    for (const { ear } of server.accepted) expect(ear.error).toMatchObject({ h2Code: code });
    server.feed(headersFrame(3, CONNECT));
    expect(server.h2.activeStreams).toBe(1);
    expect(server.closes).toEqual([]);
  });

  it('on more DATA than its window holds', () => {
    const server = greetedServer({ initialWindowBytes: 65_535 });
    server.feed(open1);
    server.accepted[0]!.stream.pause();
    server.sent();
    server.feed(dataFrame(1, Buffer.alloc(60 * KiB)), dataFrame(1, Buffer.alloc(5 * KiB)));
    expect(server.sent()).toMatchObject([
      { type: FRAME.RST_STREAM, payload: uint32(CODE.FLOW_CONTROL_ERROR) },
    ]);
    expect(server.closes).toEqual([]);
  });

  it('on more streams than allowed', () => {
    const server = greetedServer({ maxStreams: 1 });
    server.feed(open1, headersFrame(3, CONNECT), dataFrame(3, 'early'));
    expect(server.sent().filter(({ id }) => id === 3)).toMatchObject([
      { type: FRAME.RST_STREAM, payload: uint32(CODE.REFUSED_STREAM) },
    ]);
    expect(server.accepted).toHaveLength(1);
  });

  it('on headers beyond the limits', () => {
    const server = greetedServer();
    const many = Array.from({ length: 200 }, (_, i): [string, string] => [`x${i}`, '']);
    server.feed(rawHeaders(...connect, ...many));
    expect(server.sent()).toMatchObject([
      { type: FRAME.RST_STREAM, payload: uint32(CODE.ENHANCE_YOUR_CALM) },
    ]);
  });
});

describe('a server passes over', () => {
  it.each<[string, Buffer[]]>([
    ['unknown frames', [frame(0xfa, 0xff, 1, Buffer.alloc(1_000)), frame(0x10, 0, 0)]],
    ['unknown settings', [setting(0x77, 5)]],
    ['PRIORITY', [frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(5))]],
    [
      'RST_STREAM for a stream that is gone',
      [frame(FRAME.RST_STREAM, 0, 1, uint32(8)), frame(FRAME.RST_STREAM, 0, 1, uint32(8))],
    ],
    [
      'WINDOW_UPDATE for a stream that is gone',
      [frame(FRAME.RST_STREAM, 0, 1, uint32(8)), frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(1))],
    ],
    ['a GOAWAY with debug data', [frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(500))]],
    ['an ACK of a PING it did not send', [frame(FRAME.PING, 1, 0, Buffer.alloc(8, 9))]],
  ])('%s', (_, frames) => {
    const server = greetedServer();
    server.feed(open1, ...frames, headersFrame(3, CONNECT), dataFrame(3, 'fine'));
    expect(server.closes).toEqual([]);
    expect(server.accepted[1]!.ear.text).toBe('fine');
  });

  it('what was on its way when it reset the stream', () => {
    const server = greetedServer();
    server.feed(open1);
    server.accepted[0]!.stream.destroy();
    server.feed(dataFrame(1, 'late'), headersFrame(1, { a: 'late trailer' }, 5), dataFrame(1, ''));
    expect(server.closes).toEqual([]);
    expect(server.accepted[0]!.ear).toMatchObject({ closes: 1, error: undefined, text: '' });
  });

  it('a header block of a stream it refuses, except for the table', () => {
    const server = greetedServer({ maxStreams: 1 });
    const indexed = Buffer.from('4003 612d 6203 632d 64'.replaceAll(' ', ''), 'hex');
    const block = Buffer.concat([rawBlock([':method', 'CONNECT'], [':authority', 'x']), indexed]);
    server.feed(
      rawHeaders([':method', 'CONNECT'], [':authority', 'x']),
      frame(FRAME.HEADERS, 4, 3, block),
      frame(FRAME.RST_STREAM, 0, 1, uint32(8)),
    );
    const again = Buffer.concat([rawBlock([':method', 'CONNECT'], [':authority', 'x']), Buffer.of(0xbe)]);
    server.feed(frame(FRAME.HEADERS, 4, 5, again));
    expect(server.accepted[1]!.headers).toMatchObject({ 'a-b': 'c-d' });
  });
});

describe('a request', () => {
  it('may be padded, prioritised, split, and end at once', () => {
    const server = greetedServer();
    const block = headersFrame(1, { ...CONNECT, 'gw-x': 'y'.repeat(50) }).subarray(9);
    const first = Buffer.concat([Buffer.of(3), Buffer.alloc(5), block.subarray(0, 10), Buffer.alloc(3)]);
    server.feed(
      frame(FRAME.HEADERS, FLAG.PADDED | FLAG.PRIORITY | FLAG.END_STREAM, 1, first),
      frame(FRAME.CONTINUATION, 0, 1, block.subarray(10, 11)),
      frame(FRAME.CONTINUATION, 0, 1),
      frame(FRAME.CONTINUATION, FLAG.END_HEADERS, 1, block.subarray(11)),
    );
    expect(server.accepted[0]!.headers).toMatchObject({ ...CONNECT, 'gw-x': 'y'.repeat(50) });
    expect(server.accepted[0]!.ear.ended).toBe(true);
  });

  it('joins repeated fields and has no prototype', () => {
    const server = greetedServer();
    server.feed(
      rawHeaders([':method', 'CONNECT'], [':authority', 'x'], ['a', '1'], ['a', '2'], ['__proto__', 'p']),
    );
    const { headers } = server.accepted[0]!;
    expect(headers.a).toBe('1, 2');
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.entries(headers).at(-1)).toEqual(['__proto__', 'p']);
  });

  it('carries padded DATA, and padding counts for flow control', () => {
    const server = greetedServer({ initialWindowBytes: 65_535 });
    server.feed(open1);
    server.sent();
    const padded = Buffer.concat([Buffer.of(200), Buffer.from('hi'), Buffer.alloc(200)]);
    for (let i = 0; i < 162; i++) server.feed(frame(FRAME.DATA, FLAG.PADDED, 1, padded));
    expect(server.accepted[0]!.ear.text).toBe('hi'.repeat(162));
    expect(server.sent()).toMatchObject([{ type: FRAME.WINDOW_UPDATE, id: 1 }]);
    server.feed(frame(FRAME.DATA, FLAG.PADDED | FLAG.END_STREAM, 1, Buffer.of(1, 0)));
    expect(server.accepted[0]!.ear.ended).toBe(true);
  });
});

describe('a client', () => {
  const client = () => {
    const end = greetedClient();
    const stream = end.h2.open(CONNECT);
    end.sent();
    return { end, stream };
  };

  it.each<[string, number, Buffer[]]>([
    ['a response without status', CODE.PROTOCOL_ERROR, [rawHeaders(['a', 'b'])]],
    [
      'a response with a request pseudo-header',
      CODE.PROTOCOL_ERROR,
      [rawHeaders([':status', '200'], [':path', '/'])],
    ],
    ['a status that is no number', CODE.PROTOCOL_ERROR, [rawHeaders([':status', '2x0'])]],
    ['DATA before the response', CODE.PROTOCOL_ERROR, [dataFrame(1, 'x')]],
    ['an interim response that ends', CODE.PROTOCOL_ERROR, [headersFrame(1, { ':status': '100' }, 5)]],
    [
      'a second response',
      CODE.PROTOCOL_ERROR,
      [headersFrame(1, { ':status': '200' }), headersFrame(1, { ':status': '200' })],
    ],
    [
      'trailers on a tunnel',
      CODE.PROTOCOL_ERROR,
      [headersFrame(1, { ':status': '200' }), headersFrame(1, { a: 'b' }, 5)],
    ],
  ])('resets the stream on %s', (_, code, frames) => {
    const { end } = client();
    end.feed(...frames);
    expect(end.sent()).toMatchObject([{ type: FRAME.RST_STREAM, id: 1, payload: uint32(code) }]);
    expect(end.closes).toEqual([]);
  });

  it.each<[string, number, Buffer[]]>([
    ['PUSH_PROMISE', CODE.PROTOCOL_ERROR, [frame(FRAME.PUSH_PROMISE, 4, 1, uint32(2))]],
    ['ENABLE_PUSH from a server', CODE.PROTOCOL_ERROR, [setting(2, 1)]],
    ['a response to no request', CODE.PROTOCOL_ERROR, [headersFrame(3, { ':status': '200' })]],
    ['a stream opened by a server', CODE.PROTOCOL_ERROR, [headersFrame(2, { ':status': '200' })]],
  ])('ends the connection on %s', (_, code, frames) => {
    const { end } = client();
    end.feed(...frames);
    expect(end.goawayCode()).toBe(code);
  });

  it('begins with preface, SETTINGS and a wider window', () => {
    const end = new End('client', { initialWindowBytes: 100_000, connectionWindowBytes: 200_000 });
    end.turns.run();
    const bytes = end.pipe.take();
    expect(bytes.subarray(0, PREFACE.length)).toEqual(PREFACE);
    const [settings, update, ...rest] = framesOf(bytes);
    expect(settings!.type).toBe(FRAME.SETTINGS);
    expect(settings!.payload.toString('hex')).toContain('0002000000000004000186a0');
    expect(update).toMatchObject({ type: FRAME.WINDOW_UPDATE, id: 0, payload: uint32(200_000 - 65_535) });
    expect(rest).toEqual([]);
    end.feed(SETTINGS);
    expect(end.sent()).toMatchObject([{ type: FRAME.SETTINGS, flags: FLAG.ACK }]);
  });

  it('splits a long header block into frames the peer takes', () => {
    const { end } = client();
    end.h2.open({ ...CONNECT, authorization: 'x'.repeat(40_000) });
    expect(end.sent().map(({ type, flags, id, payload }) => [type, flags, id, payload.length])).toEqual([
      [FRAME.HEADERS, 0, 3, 16_384],
      [FRAME.CONTINUATION, 0, 3, 16_384],
      [FRAME.CONTINUATION, FLAG.END_HEADERS, 3, expect.any(Number)],
    ]);
  });

  it.each([
    [{ initialWindowBytes: 65_534 }],
    [{ initialWindowBytes: 100_000, connectionWindowBytes: 99_999 }],
    [{ connectionWindowBytes: 2 ** 31 }],
  ])('cannot have windows of %j', (options) => {
    expect(() => new End('client', options)).toThrow(/cannot be/);
  });
});
