import { describe, expect, it } from 'vitest';
import { CODE, FLAG, FRAME } from '../../../src/h2/frames.ts';
import { encodeHeaders } from '../../../src/h2/hpack-encoder.ts';
import { H2_LIMITS } from '../../../src/h2/limits.ts';
import {
  CONNECT,
  dataFrame,
  type End,
  frame,
  greetedClient,
  greetedServer,
  headersFrame,
  uint32,
} from './support.ts';

/** Floods: each ends in ENHANCE_YOUR_CALM, and not before its allowance is used up. */

/** Sends `make(i)` until the connection closes; how many it took. */
function flood(end: End, make: (i: number) => Buffer, most = 100_000): number {
  for (let i = 0; i < most; i++) {
    if (end.closes.length > 0) return i;
    end.feed(make(i));
  }
  return most;
}

const idOf = (i: number): number => i * 2 + 1;
const ping = frame(FRAME.PING, 0, 0, Buffer.alloc(8));
const cancel = (id: number): Buffer => frame(FRAME.RST_STREAM, 0, id, uint32(CODE.CANCEL));

describe('a connection ends itself with ENHANCE_YOUR_CALM', () => {
  it.each<[string, number, (i: number) => Buffer]>([
    [
      'streams reset before they were answered',
      H2_LIMITS.hastyResets.burst,
      (i) => Buffer.concat([headersFrame(idOf(i), CONNECT), cancel(idOf(i))]),
    ],
    [
      'streams that we have to reset',
      H2_LIMITS.hastyResets.burst,
      (i) =>
        Buffer.concat([headersFrame(idOf(i), CONNECT), frame(FRAME.WINDOW_UPDATE, 0, idOf(i), uint32(0))]),
    ],
    [
      'requests that are refused',
      H2_LIMITS.hastyResets.burst,
      (i) => headersFrame(idOf(i), { ':method': 'GET' }),
    ],
    ['SETTINGS', H2_LIMITS.settingsFrames.burst - 1, () => frame(FRAME.SETTINGS, 0, 0)],
    ['PING', H2_LIMITS.pings.burst, () => ping],
    ['PING ACK', H2_LIMITS.ignoredFrames.burst, () => frame(FRAME.PING, FLAG.ACK, 0, Buffer.alloc(8, 1))],
    ['unknown frames', H2_LIMITS.ignoredFrames.burst, () => frame(0x42, 0, 0)],
    ['PRIORITY', H2_LIMITS.ignoredFrames.burst, () => frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(5))],
    ['GOAWAY', H2_LIMITS.ignoredFrames.burst, () => frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8))],
    ['WINDOW_UPDATE', H2_LIMITS.windowUpdates.burst, () => frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(1))],
  ])('on a flood of %s', (_, allowed, make) => {
    const server = greetedServer({ answer: false });
    expect(flood(server, make)).toBe(allowed + 1);
    expect(server.goawayCode()).toBe(CODE.ENHANCE_YOUR_CALM);
  });

  it('on a flood of resets of answered streams', () => {
    const server = greetedServer();
    const make = (i: number): Buffer => Buffer.concat([headersFrame(idOf(i), CONNECT), cancel(idOf(i))]);
    expect(flood(server, make)).toBe(H2_LIMITS.resets.burst + 1);
  });

  it('on a flood of empty DATA', () => {
    const server = greetedServer();
    server.feed(headersFrame(1, CONNECT));
    expect(flood(server, () => dataFrame(1, ''))).toBe(H2_LIMITS.emptyData.burst + 1);
  });

  it('on a flood of frames for streams that are gone', () => {
    const server = greetedServer();
    server.feed(headersFrame(1, CONNECT), cancel(1));
    expect(flood(server, () => cancel(1))).toBe(H2_LIMITS.ignoredFrames.burst + 1);
  });

  it('on a flood of interim responses', () => {
    const client = greetedClient();
    client.h2.open(CONNECT);
    expect(flood(client, () => headersFrame(1, { ':status': '102' }))).toBe(
      H2_LIMITS.ignoredFrames.burst + 1,
    );
  });

  it('on a header block without end, before it has kept much', () => {
    const server = greetedServer();
    server.feed(frame(FRAME.HEADERS, 0, 1, encodeHeaders(CONNECT)));
    const part = Buffer.alloc(16_000);
    expect(flood(server, () => frame(FRAME.CONTINUATION, 0, 1, part))).toBe(5);
    expect(server.goawayCode()).toBe(CODE.ENHANCE_YOUR_CALM);
  });

  it('on empty CONTINUATION without end', () => {
    const server = greetedServer();
    server.feed(frame(FRAME.HEADERS, 0, 1, encodeHeaders(CONNECT)));
    expect(flood(server, () => frame(FRAME.CONTINUATION, 0, 1))).toBe(H2_LIMITS.continuations + 1);
  });

  it('on SETTINGS with too many parameters', () => {
    const server = greetedServer();
    server.feed(frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(6 * (H2_LIMITS.settings + 1))));
    expect(server.goawayCode()).toBe(CODE.ENHANCE_YOUR_CALM);
  });

  it('when its answers are not read, however slowly they are asked for', () => {
    const server = greetedServer();
    server.pipe.highWaterBytes = 0;
    server.feed(ping);
    const asked = flood(server, () => {
      server.nowMs += 1_000;
      return ping;
    });
    expect(asked).toBe(H2_LIMITS.waitingAnswers + 1);
    expect(server.pipe.size).toBeLessThan(32 * 1024);
  });
});

describe('an allowance', () => {
  it('comes back with time, no further than its burst', () => {
    const server = greetedServer();
    const { burst, perSecond } = H2_LIMITS.pings;
    server.feed(...Array.from({ length: burst }, () => ping));
    server.nowMs = 1_000;
    server.feed(...Array.from({ length: perSecond }, () => ping));
    expect(server.closes).toEqual([]);
    server.nowMs = 1_000_000_000;
    server.feed(...Array.from({ length: burst }, () => ping));
    expect(server.closes).toEqual([]);
    server.feed(ping);
    expect(server.closes).toHaveLength(1);
  });

  it('lets a tunnel live on keep-alive alone', () => {
    const server = greetedServer();
    for (let i = 0; i < 5_000; i++) {
      server.nowMs += 20_000;
      server.feed(ping);
      server.sent();
    }
    expect(server.closes).toEqual([]);
  });

  it('is not touched by sessions that begin and end in order', () => {
    const server = greetedServer();
    for (let i = 0; i < 5_000; i++) {
      server.feed(headersFrame(idOf(i), CONNECT), dataFrame(idOf(i), 'x', FLAG.END_STREAM));
      server.accepted.pop()!.stream.end();
      server.sent();
    }
    expect(server.closes).toEqual([]);
    expect(server.h2.activeStreams).toBe(0);
  });
});

describe('memory of strangers', () => {
  it('is one stream window until a stream was accepted', () => {
    const server = greetedServer({
      initialWindowBytes: 65_535,
      connectionWindowBytes: 1 << 20,
      answer: false,
    });
    server.feed(headersFrame(1, CONNECT), headersFrame(3, CONNECT));
    server.accepted[0]!.stream.respond(200);
    expect(server.sent()).toMatchObject([
      { type: FRAME.HEADERS, id: 1 },
      { type: FRAME.WINDOW_UPDATE, id: 0, payload: uint32((1 << 20) - 65_535) },
    ]);
    server.feed(dataFrame(1, Buffer.alloc(60_000)), dataFrame(3, Buffer.alloc(60_000)));
    expect(server.closes).toEqual([]);
    const closed = greetedServer({
      initialWindowBytes: 65_535,
      connectionWindowBytes: 1 << 20,
      answer: false,
    });
    closed.feed(headersFrame(1, CONNECT), headersFrame(3, CONNECT));
    closed.feed(dataFrame(1, Buffer.alloc(60_000)), dataFrame(3, Buffer.alloc(60_000)));
    expect(closed.goawayCode()).toBe(CODE.FLOW_CONTROL_ERROR);
  });

  it('is nothing after a refusal', () => {
    const server = greetedServer({ answer: false });
    server.feed(headersFrame(1, CONNECT), dataFrame(1, Buffer.alloc(10_000)));
    const { stream, ear } = server.accepted[0]!;
    stream.start(ear);
    stream.respond(401);
    server.feed(dataFrame(1, 'more'));
    stream.write(Buffer.from('no'));
    stream.end();
    expect(server.sent().map(({ type, flags }) => [type, flags])).toEqual([
      [FRAME.HEADERS, FLAG.END_HEADERS],
      [FRAME.DATA, FLAG.END_STREAM],
      [FRAME.RST_STREAM, 0],
    ]);
    expect(ear).toMatchObject({ text: '', closes: 1, error: undefined, ended: false });
  });
});
