import { describe, expect, it } from 'vitest';
import { CODE, FLAG, FRAME } from '../../../src/h2/frames.ts';
import { H2_LIMITS } from '../../../src/h2/limits.ts';
import type { H2Stream } from '../../../src/h2/types.ts';
import {
  CONNECT,
  dataFrame,
  Ear,
  type End,
  type Frame,
  frame,
  framesOf,
  greetedClient,
  headersFrame,
  uint32,
} from './support.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A client whose peer allows a lot: `windowBytes` for each stream and for the connection. */
function wideClient(windowBytes = 8 * MiB, maxFrameBytes = 64 * KiB): End {
  const client = greetedClient();
  const settings = Buffer.concat([
    Buffer.of(0, 4),
    uint32(windowBytes),
    Buffer.of(0, 5),
    uint32(maxFrameBytes),
  ]);
  client.feed(frame(FRAME.SETTINGS, 0, 0, settings), frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(64 * MiB)));
  client.sent();
  return client;
}

function openStream(client: End): { stream: H2Stream; ear: Ear } {
  const stream = client.h2.open(CONNECT);
  const ear = new Ear();
  stream.start(ear);
  client.feed(headersFrame(stream.id, { ':status': '200' }));
  client.sent();
  return { stream, ear };
}

/** Frames that are in the pipe now; no turn is run for it. */
const framesTaken = (client: End): Frame[] => framesOf(client.pipe.take());
const bytes = (length: number, fill = 'x'): Buffer => Buffer.alloc(length, fill);
/** DATA by stream: `[id, length]` per frame. */
const dataOf = (client: End): [number, number][] =>
  client
    .sent()
    .filter(({ type }) => type === FRAME.DATA)
    .map(({ id, payload }) => [id, payload.length]);

describe('small writes', () => {
  it('of all streams in a turn are one write, asked for once', () => {
    const client = wideClient();
    const streams = Array.from({ length: 32 }, () => openStream(client).stream);
    const asked = client.turns.asked;
    for (const stream of streams) stream.write(bytes(60));
    expect(client.turns.asked).toBe(asked + 1);
    client.turns.run();
    expect(client.pipe.writes).toHaveLength(1);
    expect(dataOf(client)).toEqual(streams.map(({ id }) => [id, 60]));
  });

  it('of one stream are one frame, and its end rides on it', () => {
    const client = wideClient();
    const { stream } = openStream(client);
    stream.write(Buffer.from('one '));
    stream.write(Buffer.from('two'));
    stream.end();
    expect(client.sent()).toMatchObject([{ flags: FLAG.END_STREAM, payload: Buffer.from('one two') }]);
  });

  it('are copied', () => {
    const client = wideClient();
    const { stream } = openStream(client);
    const chunk = Buffer.from('keep');
    stream.write(chunk);
    chunk.fill('!');
    expect(client.sent()[0]!.payload.toString()).toBe('keep');
  });

  it('do not grow a frame beyond what the peer takes', () => {
    const client = wideClient(MiB, 16_384);
    const { stream } = openStream(client);
    for (let i = 0; i < 10; i++) stream.write(bytes(3_000));
    expect(dataOf(client).map(([, length]) => length)).toEqual([15_000, 15_000]);
  });
});

describe('bulk', () => {
  it('goes behind what is small, in the same write', () => {
    const client = wideClient();
    const [bulk, small] = [openStream(client).stream, openStream(client).stream];
    bulk.write(bytes(50 * KiB));
    small.write(bytes(60));
    client.turns.run();
    expect(client.pipe.writes).toHaveLength(1);
    expect(dataOf(client)).toEqual([
      [small.id, 60],
      [bulk.id, 50 * KiB],
    ]);
  });

  it('keeps the order of its own stream, RST_STREAM and the end included', () => {
    const client = wideClient();
    const [a, b] = [openStream(client).stream, openStream(client).stream];
    for (const stream of [a, b]) {
      stream.write(bytes(10, 'a'));
      stream.write(bytes(10 * KiB, 'b'));
      stream.write(bytes(10, 'c'));
    }
    a.end();
    b.destroy();
    const frames = client.sent();
    const ofA = frames.filter(({ id }) => id === a.id);
    expect(Buffer.concat(ofA.map(({ payload }) => payload))).toEqual(
      Buffer.concat([bytes(10, 'a'), bytes(10 * KiB, 'b'), bytes(10, 'c')]),
    );
    expect(ofA.at(-1)!.flags).toBe(FLAG.END_STREAM);
    expect(frames.filter(({ id }) => id === b.id).map(({ type }) => type)).toEqual([
      FRAME.DATA,
      FRAME.DATA,
      FRAME.RST_STREAM,
    ]);
  });

  it('is bounded in each turn, and shared', () => {
    const client = wideClient();
    const streams = Array.from({ length: 3 }, () => openStream(client).stream);
    for (const stream of streams) stream.write(bytes(MiB));
    const shares = new Map<number, number>();
    for (let turn = 0; turn < 24; turn++) {
      client.turns.runOne();
      expect(client.pipe.size).toBeLessThan(H2_LIMITS.bulkBytes + KiB);
      for (const { id, payload } of framesTaken(client))
        shares.set(id, (shares.get(id) ?? 0) + payload.length);
    }
    const sent = streams.map(({ id }) => shares.get(id)!);
    expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(2 * H2_LIMITS.bulkBytes);
  });

  it('lets a small write through in the very next turn', () => {
    const client = wideClient();
    const [bulk, small] = [openStream(client).stream, openStream(client).stream];
    bulk.write(bytes(4 * MiB));
    client.turns.runOne();
    client.pipe.take();
    small.write(bytes(60));
    client.turns.runOne();
    expect(framesTaken(client)[0]).toMatchObject({ id: small.id });
  });
});

describe('a full transport', () => {
  it('gets nothing more until it drained, then the small first', () => {
    const client = wideClient();
    const [bulk, small] = [openStream(client).stream, openStream(client).stream];
    client.pipe.highWaterBytes = 1;
    bulk.write(bytes(60 * KiB));
    client.turns.run();
    expect(client.pipe.writes).toHaveLength(1);
    bulk.write(bytes(200 * KiB));
    small.write(bytes(60));
    client.h2.ping();
    client.turns.run();
    expect(client.pipe.writes).toHaveLength(1);
    client.pipe.take();
    client.drain();
    const [first] = framesTaken(client);
    expect(first).toMatchObject({ id: small.id });
  });

  it('makes write return false, and drain follow once', () => {
    const client = wideClient();
    const { stream, ear } = openStream(client);
    client.pipe.highWaterBytes = 1;
    client.h2.ping();
    client.turns.run();
    let accepted = 0;
    while (stream.write(bytes(8 * KiB))) accepted += 8 * KiB;
    expect(accepted).toBeLessThanOrEqual(H2_LIMITS.pendingHighBytes + H2_LIMITS.bulkBytes);
    client.turns.run();
    expect(ear.drains).toBe(0);
    while (ear.drains === 0 && client.pipe.size > 0) {
      client.pipe.take();
      client.drain();
      client.turns.run();
    }
    expect(ear.drains).toBe(1);
  });

  it('holds small writes of many streams too', () => {
    const client = wideClient();
    const streams = Array.from({ length: 100 }, () => openStream(client).stream);
    client.pipe.highWaterBytes = 1;
    client.h2.ping();
    client.turns.run();
    for (let i = 0; i < 50; i++) for (const stream of streams) stream.write(bytes(100));
    client.turns.run();
    expect(client.pipe.writes).toHaveLength(1);
    const sums = new Map<number, number>();
    while (client.pipe.owesDrain) {
      for (const { id, payload } of framesTaken(client)) {
        if (id !== 0) sums.set(id, (sums.get(id) ?? 0) + payload.length);
      }
      client.drain();
      client.turns.run();
    }
    expect([...sums.values()]).toEqual(streams.map(() => 5_000));
  });
});

describe('windows of the peer', () => {
  it('stop one stream, not the others, and open again', () => {
    const client = wideClient(1_000);
    const [stuck, free] = [openStream(client), openStream(client)];
    expect(stuck.stream.write(bytes(100 * KiB))).toBe(false);
    expect(dataOf(client)).toEqual([[stuck.stream.id, 1_000]]);
    free.stream.write(bytes(500));
    expect(dataOf(client)).toEqual([[free.stream.id, 500]]);
    client.feed(frame(FRAME.WINDOW_UPDATE, 0, stuck.stream.id, uint32(90 * KiB)));
    expect(stuck.ear.drains).toBe(1);
    expect(dataOf(client).reduce((sum, [, length]) => sum + length, 0)).toBe(90 * KiB);
    stuck.stream.end();
    client.feed(frame(FRAME.WINDOW_UPDATE, 0, stuck.stream.id, uint32(MiB)));
    expect(client.sent().at(-1)).toMatchObject({ flags: FLAG.END_STREAM });
  });

  it('may shrink below zero', () => {
    const client = wideClient(10_000);
    const { stream } = openStream(client);
    stream.write(bytes(8_000));
    client.sent();
    const initial = (value: number): Buffer =>
      frame(FRAME.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(value)]));
    client.feed(initial(1_000));
    stream.write(bytes(500));
    client.feed(frame(FRAME.WINDOW_UPDATE, 0, stream.id, uint32(7_000)));
    expect(dataOf(client)).toEqual([]);
    client.feed(frame(FRAME.WINDOW_UPDATE, 0, stream.id, uint32(200)));
    expect(dataOf(client)).toEqual([[stream.id, 200]]);
    client.feed(initial(2_000));
    expect(dataOf(client)).toEqual([[stream.id, 300]]);
  });

  it('of the connection hold everybody, and drop nobody', () => {
    const client = greetedClient();
    const [a, b] = [openStream(client), openStream(client)];
    a.stream.write(bytes(65_535));
    expect(dataOf(client).reduce((sum, [, length]) => sum + length, 0)).toBe(65_535);
    b.stream.write(bytes(10));
    a.stream.end();
    expect(dataOf(client)).toEqual([[a.stream.id, 0]]);
    client.feed(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(4)));
    expect(dataOf(client)).toEqual([[b.stream.id, 4]]);
    client.feed(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(100)));
    expect(dataOf(client)).toEqual([[b.stream.id, 6]]);
  });
});

describe('our own windows', () => {
  it('open again in halves, as data is consumed', () => {
    const client = greetedClient({ initialWindowBytes: 100_000, connectionWindowBytes: 150_000 });
    const { stream } = openStream(client);
    for (let i = 0; i < 4; i++) client.feed(dataFrame(stream.id, bytes(20_000)));
    expect(client.sent().map(({ type, id, payload }) => [type, id, payload.readUInt32BE()])).toEqual([
      [FRAME.WINDOW_UPDATE, stream.id, 60_000],
      [FRAME.WINDOW_UPDATE, 0, 80_000],
    ]);
  });

  it('stay shut while paused; what was on its way is kept and delivered', () => {
    const client = greetedClient({ initialWindowBytes: 100_000 });
    const { stream, ear } = openStream(client);
    stream.pause();
    client.feed(dataFrame(stream.id, bytes(50_000, 'a')), dataFrame(stream.id, bytes(50_000, 'b')));
    expect(client.sent()).toEqual([]);
    expect(ear.bytes).toHaveLength(0);
    stream.resume();
    const opened = client.sent().map(({ id, payload }) => [id, payload.readUInt32BE()]);
    expect(opened).toEqual([
      [stream.id, 50_000],
      [stream.id, 50_000],
    ]);
    expect(ear.bytes).toEqual(Buffer.concat([bytes(50_000, 'a'), bytes(50_000, 'b')]));
  });

  it('keep the order when data comes between resume and the turn', () => {
    const client = greetedClient();
    const { stream, ear } = openStream(client);
    stream.pause();
    client.feed(dataFrame(stream.id, 'kept '));
    stream.resume();
    client.h2.receive(dataFrame(stream.id, 'new'));
    client.turns.run();
    expect(ear.text).toBe('kept new');
  });

  it('do not open for what was consumed while the owner pauses in between', () => {
    const client = greetedClient({ initialWindowBytes: 100_000 });
    const { stream, ear } = openStream(client);
    ear.data = () => stream.pause();
    client.feed(dataFrame(stream.id, bytes(60_000)));
    expect(client.sent()).toEqual([]);
    stream.resume();
    expect(client.sent()).toMatchObject([{ type: FRAME.WINDOW_UPDATE, payload: uint32(60_000) }]);
  });

  it('of the connection open again for streams that were dropped', () => {
    const client = greetedClient({ initialWindowBytes: 65_535, connectionWindowBytes: 65_535 });
    for (let i = 0; i < 20; i++) {
      const { stream } = openStream(client);
      stream.pause();
      client.feed(dataFrame(stream.id, bytes(30_000)));
      stream.destroy();
      client.feed(dataFrame(stream.id, bytes(10_000)));
      client.sent();
    }
    expect(client.closes).toEqual([]);
    const { stream } = openStream(client);
    client.feed(
      dataFrame(stream.id, bytes(60_000), 0),
      frame(FRAME.RST_STREAM, 0, stream.id, uint32(CODE.CANCEL)),
    );
    expect(client.closes).toEqual([]);
  });
});
