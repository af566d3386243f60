import { describe, expect, it } from 'vitest';
import { CODE, FLAG, FRAME } from '../../../src/h2/frames.ts';
import {
  CONNECT,
  dataFrame,
  Ear,
  End,
  frame,
  greetedClient,
  greetedServer,
  headersFrame,
  Pair,
  uint32,
} from './support.ts';

describe('a stream between two of ours', () => {
  it('is answered, carries both ways, half-closes each way and closes once', () => {
    const pair = new Pair();
    const { stream, ear, status } = pair.open();
    stream.write(Buffer.from('early'));
    pair.settle();
    const other = pair.server.accepted[0]!;
    expect(status()).toBe(200);
    expect(other.ear.text).toBe('early');
    stream.end();
    pair.settle();
    expect(other.ear.ended).toBe(true);
    expect(ear.closes + other.ear.closes).toBe(0);
    other.stream.write(Buffer.from('still'));
    other.stream.end();
    pair.settle();
    expect(ear).toMatchObject({ text: 'still', ended: true, closes: 1, error: undefined, late: false });
    expect(other.ear).toMatchObject({ closes: 1, error: undefined, late: false });
    expect(pair.client.h2.activeStreams + pair.server.h2.activeStreams).toBe(0);
  });

  it('hears destroy as an error with the code, and both forget it', () => {
    const pair = new Pair();
    const { stream, ear } = pair.open();
    pair.settle();
    stream.destroy();
    stream.destroy();
    expect(ear.closes).toBe(0);
    pair.settle();
    expect(ear).toMatchObject({ closes: 1, error: undefined });
    expect(pair.server.accepted[0]!.ear.error).toMatchObject({ h2Code: CODE.CANCEL, code: 'session_ended' });
    expect(pair.client.h2.activeStreams + pair.server.h2.activeStreams).toBe(0);
  });

  it('takes every call after its end', () => {
    const pair = new Pair();
    const { stream, ear } = pair.open();
    pair.settle();
    const other = pair.server.accepted[0]!.stream;
    stream.end();
    stream.end();
    expect(stream.write(Buffer.from('late'))).toBe(true);
    other.destroy();
    pair.settle();
    for (const each of [stream, other]) {
      each.pause();
      each.resume();
      expect(each.write(Buffer.alloc(1_000_000))).toBe(true);
      each.end();
      each.destroy();
    }
    other.respond(200);
    pair.settle();
    expect(pair.server.accepted[0]!.ear.text).toBe('');
    expect(ear.closes).toBe(1);
    expect(pair.client.closes.concat(pair.server.closes)).toEqual([]);
  });

  it('never calls its owner from inside a call', () => {
    const pair = new Pair();
    const { stream } = pair.open();
    pair.settle();
    const other = pair.server.accepted[0]!;
    other.stream.pause();
    stream.write(Buffer.from('x'));
    stream.end();
    pair.settle();
    other.stream.resume();
    expect(other.ear.text).toBe('');
    pair.server.turns.run();
    expect(other.ear).toMatchObject({ text: 'x', ended: true });
    other.stream.destroy();
    expect(other.ear.closes).toBe(0);
    pair.server.turns.run();
    expect(other.ear.closes).toBe(1);
  });

  it('keeps what comes before start, and the end and the close behind it', () => {
    const pair = new Pair({}, { answer: false });
    const { stream } = pair.open();
    stream.write(Buffer.from('kept'));
    stream.end();
    pair.settle();
    const accepted = pair.server.accepted[0]!;
    accepted.stream.respond(200);
    accepted.stream.end();
    pair.settle();
    const ear = new Ear();
    accepted.stream.start(ear);
    pair.settle();
    expect(ear).toMatchObject({ text: 'kept', ended: true, closes: 1, error: undefined, late: false });
  });

  it('must be answered before it is used, once, and started once', () => {
    const pair = new Pair({}, { answer: false });
    pair.open();
    pair.settle();
    const { stream, ear } = pair.server.accepted[0]!;
    expect(() => stream.write(Buffer.from('x'))).toThrow(/before it was answered/);
    expect(() => stream.end()).toThrow(/before it was answered/);
    stream.respond(200);
    expect(() => stream.respond(200)).toThrow(/answered twice/);
    stream.start(ear);
    expect(() => stream.start(ear)).toThrow(/started twice/);
  });

  it('carries a refusal with its body', () => {
    const pair = new Pair({}, { answer: false });
    const { stream, ear, status } = pair.open();
    stream.write(Buffer.alloc(200_000));
    pair.settle();
    const { stream: other } = pair.server.accepted[0]!;
    other.respond(503, { 'content-type': 'application/json' });
    other.write(Buffer.from('{}'));
    other.end();
    pair.settle();
    expect(status()).toBe(503);
    expect(ear).toMatchObject({ text: '{}', ended: true, closes: 1, error: undefined, late: false });
    expect(pair.client.h2.activeStreams).toBe(0);
  });

  it('delivers what was ended in order although the connection is gone', () => {
    const pair = new Pair();
    const { stream, ear } = pair.open();
    pair.settle();
    stream.pause();
    const { stream: other } = pair.server.accepted[0]!;
    other.write(Buffer.from('FATAL: shutting down'));
    other.end();
    pair.settle();
    pair.client.h2.destroy(new Error('cut'));
    pair.client.turns.run();
    stream.resume();
    pair.client.turns.run();
    expect(ear).toMatchObject({ text: 'FATAL: shutting down', ended: true, closes: 1, late: false });
    expect(ear.error).toMatchObject({ code: 'session_ended' });
  });
});

describe('an incoming stream', () => {
  it('is dropped at once on RST_STREAM, what was kept included', () => {
    const server = greetedServer({ answer: false });
    server.feed(headersFrame(1, CONNECT), dataFrame(1, 'kept'), frame(FRAME.RST_STREAM, 0, 1, uint32(8)));
    const { stream, ear } = server.accepted[0]!;
    stream.start(ear);
    server.turns.run();
    expect(ear).toMatchObject({ text: '', ended: false, closes: 1 });
    expect(ear.error).toMatchObject({ h2Code: 8 });
  });

  it('closes in order when NO_ERROR follows its end', () => {
    const client = greetedClient();
    const stream = client.h2.open(CONNECT);
    const ear = new Ear();
    stream.start(ear);
    stream.pause();
    client.feed(headersFrame(1, { ':status': '403' }), dataFrame(1, 'why', FLAG.END_STREAM));
    client.feed(frame(FRAME.RST_STREAM, 0, 1, uint32(CODE.NO_ERROR)));
    stream.resume();
    client.turns.run();
    expect(ear).toMatchObject({ text: 'why', ended: true, closes: 1, error: undefined, late: false });
  });

  it('may be told apart: refused means untouched', () => {
    const client = greetedClient();
    const ears = [7, 8].map((code) => {
      const stream = client.h2.open(CONNECT);
      const ear = new Ear();
      stream.start(ear);
      client.feed(frame(FRAME.RST_STREAM, 0, stream.id, uint32(code)));
      return ear;
    });
    expect(ears.map(({ error }) => error)).toMatchObject([
      { untouched: true, code: 'too_many_sessions' },
      { untouched: false, code: 'session_ended' },
    ]);
  });
});

describe('PING', () => {
  it('is answered, and the latest of ours is heard of once', () => {
    const pair = new Pair();
    pair.client.h2.ping();
    pair.client.h2.ping();
    pair.settle();
    expect(pair.client.pongs).toBe(1);
    pair.server.h2.ping();
    pair.settle();
    expect(pair.server.pongs).toBe(1);
  });
});

describe('GOAWAY', () => {
  it('of a server lets streams that are on their way in, then none, and tells when it is idle', () => {
    const pair = new Pair();
    const first = pair.open();
    pair.settle();
    const late = pair.client.h2.open(CONNECT);
    late.start(new Ear());
    pair.server.h2.goaway();
    pair.server.h2.goaway();
    pair.settle();
    expect(pair.client.goaways).toEqual([CODE.NO_ERROR]);
    expect(pair.server.accepted).toHaveLength(2);
    expect(pair.client.h2.canOpen).toBe(false);
    expect(() => pair.client.h2.open(CONNECT)).toThrow(/no new sessions/);
    first.stream.write(Buffer.from('goes on'));
    pair.settle();
    expect(pair.server.accepted[0]!.ear.text).toBe('goes on');
    first.stream.destroy();
    pair.settle();
    expect(pair.server.idles + pair.client.idles).toBe(0);
    late.destroy();
    pair.settle();
    expect([pair.server.idles, pair.client.idles]).toEqual([1, 1]);
    pair.server.h2.destroy();
    pair.server.turns.run();
    expect(pair.server.closes).toEqual([undefined]);
  });

  it('refuses what comes after it was final', () => {
    const server = greetedServer();
    server.feed(headersFrame(1, CONNECT));
    server.h2.goaway();
    const [, , announced, ping] = server.sent();
    expect(announced).toMatchObject({ type: FRAME.GOAWAY, payload: uint32(0x7fff_ffff, 0) });
    server.feed(
      headersFrame(3, CONNECT),
      frame(FRAME.PING, FLAG.ACK, 0, ping!.payload),
      headersFrame(5, CONNECT),
    );
    expect(server.accepted).toHaveLength(2);
    expect(server.sent().slice(-2)).toMatchObject([
      { type: FRAME.GOAWAY, payload: uint32(3, 0) },
      { type: FRAME.RST_STREAM, id: 5, payload: uint32(CODE.REFUSED_STREAM) },
    ]);
  });

  it('with an error refuses at once', () => {
    const server = greetedServer();
    server.h2.goaway(CODE.ENHANCE_YOUR_CALM);
    expect(server.sent()).toMatchObject([{ type: FRAME.GOAWAY, payload: uint32(0, CODE.ENHANCE_YOUR_CALM) }]);
    expect(server.idles).toBe(1);
  });

  it('of the peer ends streams it will not look at, as untouched', () => {
    const client = greetedClient();
    const ears = [1, 3].map(() => {
      const ear = new Ear();
      client.h2.open(CONNECT).start(ear);
      return ear;
    });
    client.feed(frame(FRAME.GOAWAY, 0, 0, uint32(1, 0)));
    expect(ears[0]!.closes).toBe(0);
    expect(ears[1]!.error).toMatchObject({ untouched: true });
    expect(client.h2.activeStreams).toBe(1);
    expect(client.idles).toBe(0);
  });

  it('of a client with no streams makes both idle', () => {
    const pair = new Pair();
    pair.settle();
    pair.client.h2.goaway();
    pair.settle();
    expect([pair.client.idles, pair.server.idles]).toEqual([1, 1]);
    expect(pair.client.h2.canOpen).toBe(false);
  });
});

describe('the end of a connection', () => {
  it('ends every stream with the reason, then tells the owner, once', () => {
    const server = greetedServer();
    const order: string[] = [];
    server.feed(headersFrame(1, CONNECT), headersFrame(3, CONNECT));
    for (const { ear } of server.accepted) ear.close = () => order.push('stream');
    const reason = new Error('cable');
    server.h2.destroy(reason);
    server.h2.destroy();
    server.closes.push = (error) => order.push(`connection: ${error?.message}`);
    server.turns.run();
    expect(order).toEqual(['stream', 'stream', 'connection: cable']);
    expect(server.pipe).toMatchObject({ closed: true, closeError: reason });
  });

  it('sends first what was framed when it was asked for', () => {
    const server = greetedServer();
    server.feed(headersFrame(1, CONNECT));
    server.sent();
    server.accepted[0]!.stream.write(Buffer.from('bye'));
    server.h2.destroy();
    expect(server.sent()).toMatchObject([{ type: FRAME.DATA, payload: Buffer.from('bye') }]);
    expect(() => server.h2.ping()).not.toThrow();
    expect(server.sent()).toEqual([]);
  });

  it('within a handler stops reading', () => {
    const server = greetedServer({
      onStream: (stream) => {
        stream.respond(200);
        stream.start({ data: () => server.h2.destroy(), drain: () => {}, end: () => {}, close: () => {} });
      },
    });
    server.feed(Buffer.concat([headersFrame(1, CONNECT), dataFrame(1, 'x'), dataFrame(0, 'fault')]));
    expect(server.closes).toEqual([undefined]);
  });

  it('follows when a handler throws, in order for everybody else', () => {
    const server = greetedServer();
    server.feed(headersFrame(1, CONNECT), headersFrame(3, CONNECT));
    const [first, second] = server.accepted;
    first!.ear.data = () => {
      throw new Error('owner');
    };
    expect(() => server.h2.receive(dataFrame(1, 'x'))).toThrow('owner');
    expect(server.goawayCode()).toBe(CODE.INTERNAL_ERROR);
    expect([first!.ear.closes, second!.ear.closes]).toEqual([1, 1]);
    expect(server.closes).toMatchObject([{ code: 'bug' }]);
  });

  it('follows when a handler throws in a turn', () => {
    const server = greetedServer();
    server.feed(headersFrame(1, CONNECT), headersFrame(3, CONNECT), headersFrame(5, CONNECT));
    const [first, second, third] = server.accepted;
    first!.ear.close = () => {
      throw new Error('owner');
    };
    first!.stream.destroy();
    second!.stream.destroy();
    expect(() => server.turns.run()).toThrow('owner');
    server.turns.run();
    expect([second!.ear.closes, third!.ear.closes]).toEqual([1, 1]);
    expect(server.closes).toMatchObject([{ code: 'bug' }]);
  });

  it('leaves nothing to open', () => {
    const client = new End('client');
    client.h2.destroy();
    expect(() => client.h2.open(CONNECT)).toThrow(/closed/);
    expect(client.h2.isClosed).toBe(true);
  });
});
