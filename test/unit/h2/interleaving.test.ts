import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME, HEADER_BYTES, PREFACE } from '../../../src/h2/frames.ts';
import { H2_LIMITS } from '../../../src/h2/limits.ts';
import type { H2Stream } from '../../../src/h2/types.ts';
import { CONNECT, Ear, End } from './support.ts';

/**
 * Two of our connections, joined by links that carry any number of bytes at a time, and owners that write,
 * pause, resume, end and destroy as they like. Bytes arrive complete and in order, nobody keeps more than the
 * windows allow, and when the owners read again everything comes to its end.
 */

const STREAMS = 4;
const WINDOW_BYTES = 70_000;
const CONNECTION_WINDOW_BYTES = 150_000;

/** What an owner says: repeats after 64 KiB, no two places or owners alike. */
const PERIOD = 65_536;
const TALK = Array.from({ length: STREAMS * 2 }, (_, seed) => {
  const once = Buffer.from(Array.from({ length: PERIOD }, (_, i) => i * 7 + seed * 31 + (i >> 8)));
  return Buffer.concat([once, once, once, once]);
});
const talk = (seed: number, offset: number, length: number): Buffer =>
  TALK[seed]!.subarray(offset % PERIOD, (offset % PERIOD) + length);

/** One direction of the transport; counts DATA of each stream as it arrives. */
class Link {
  readonly #from: End;
  readonly #to: End;
  #queue: Buffer = Buffer.alloc(0);
  /** Bytes of frames not yet looked at. */
  #open: Buffer = Buffer.alloc(0);
  readonly carried = new Map<number, number>();

  constructor(from: End, to: End) {
    this.#from = from;
    this.#to = to;
  }

  /** Carries at most `limit` bytes. */
  carry(limit: number): boolean {
    this.#queue = Buffer.concat([this.#queue, this.#from.pipe.take()]);
    this.#from.drain();
    const piece = Buffer.from(this.#queue.subarray(0, limit));
    this.#queue = this.#queue.subarray(piece.length);
    if (piece.length === 0) return false;
    this.#count(piece);
    this.#to.h2.receive(piece);
    // Handlers must not have kept it.
    piece.fill(0xee);
    return true;
  }

  #count(piece: Buffer): void {
    this.#open = Buffer.concat([this.#open, piece]);
    if (this.#open.subarray(0, PREFACE.length).equals(PREFACE))
      this.#open = this.#open.subarray(PREFACE.length);
    while (this.#open.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#open.readUIntBE(0, 3);
      if (this.#open.length < end) return;
      const id = this.#open.readUInt32BE(5);
      if (this.#open[3] === FRAME.DATA)
        this.carried.set(id, (this.carried.get(id) ?? 0) + end - HEADER_BYTES);
      this.#open = this.#open.subarray(end);
    }
  }
}

/** One owner of one end of a stream. */
class Owner extends Ear {
  readonly seed: number;
  stream: H2Stream | undefined;
  written = 0;
  read = 0;
  isGarbled = false;
  mayWrite = true;
  ending = false;
  destroyed = false;

  constructor(seed: number) {
    super();
    this.seed = seed;
  }

  override data(chunk: Buffer): void {
    this.late ||= this.closes > 0 || this.ended;
    this.isGarbled ||= !chunk.equals(talk(this.seed ^ 1, this.read, chunk.length));
    this.read += chunk.length;
  }
  override drain(): void {
    super.drain();
    this.mayWrite = true;
  }

  write(length: number): void {
    if (!this.mayWrite || this.ending || this.destroyed || this.stream === undefined) return;
    const chunk = Buffer.from(talk(this.seed, this.written, length));
    this.written += length;
    this.mayWrite = this.stream.write(chunk);
    chunk.fill(0xdd);
  }
  override end(): void {
    this.late ||= this.closes > 0 || this.ended;
    this.ended = true;
  }
  finish(): void {
    this.ending = true;
    this.stream?.end();
  }
  destroy(): void {
    this.destroyed = true;
    this.stream?.destroy();
  }
}

class World {
  readonly client: End;
  readonly server: End;
  readonly up: Link;
  readonly down: Link;
  readonly clients: Owner[] = [];
  readonly servers: Owner[] = [];

  constructor(highWaterBytes: number) {
    const windows = { initialWindowBytes: WINDOW_BYTES, connectionWindowBytes: CONNECTION_WINDOW_BYTES };
    this.client = new End('client', windows);
    this.server = new End('server', {
      ...windows,
      onStream: (stream) => {
        const owner = this.servers[(stream.id - 1) / 2]!;
        owner.stream = stream;
        stream.respond(200);
        stream.start(owner);
      },
    });
    this.client.pipe.highWaterBytes = highWaterBytes;
    this.server.pipe.highWaterBytes = highWaterBytes;
    this.up = new Link(this.client, this.server);
    this.down = new Link(this.server, this.client);
    for (let i = 0; i < STREAMS; i++) {
      const [a, b] = [new Owner(i * 2), new Owner(i * 2 + 1)];
      this.clients.push(a);
      this.servers.push(b);
      a.stream = this.client.h2.open(CONNECT);
      a.stream.start(a);
    }
  }

  get owners(): Owner[] {
    return [...this.clients, ...this.servers];
  }

  /** What must hold at any time. */
  check(): void {
    for (let i = 0; i < STREAMS; i++) {
      const id = i * 2 + 1;
      const [a, b] = [this.clients[i]!, this.servers[i]!];
      for (const [writer, reader, link] of [
        [a, b, this.up],
        [b, a, this.down],
      ] as const) {
        const kept = (link.carried.get(id) ?? 0) - reader.read;
        const holds =
          !reader.isGarbled &&
          !reader.late &&
          writer.closes <= 1 &&
          (reader.destroyed || kept <= WINDOW_BYTES);
        if (!holds) expect.unreachable(`stream ${id}: ${kept} bytes kept, or garbled, or closed twice`);
      }
    }
    if (this.client.closes.length + this.server.closes.length > 0) expect.unreachable('a connection ended');
  }

  settle(): void {
    for (let moved = true; moved; ) {
      this.client.turns.run();
      this.server.turns.run();
      moved = this.up.carry(Number.POSITIVE_INFINITY);
      moved = this.down.carry(Number.POSITIVE_INFINITY) || moved;
    }
  }
}

const owner = fc.nat(STREAMS * 2 - 1);
const size = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 100 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 150_000 }) },
);
const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), owner, size }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('up' as const, 'down' as const), owner, size }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('turnClient' as const, 'turnServer' as const), owner, size }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const), owner, size }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('finish' as const, 'destroy' as const), owner, size }),
  },
);

function act(world: World, step: { do: string; owner: number; size: number }): void {
  const who = world.owners[step.owner]!;
  if (step.do === 'write') who.write(step.size);
  else if (step.do === 'up') world.up.carry(step.size);
  else if (step.do === 'down') world.down.carry(step.size);
  else if (step.do === 'turnClient') world.client.turns.runOne();
  else if (step.do === 'turnServer') world.server.turns.runOne();
  else if (step.do === 'pause') who.stream?.pause();
  else if (step.do === 'resume') who.stream?.resume();
  else if (step.do === 'finish') who.finish();
  else who.destroy();
}

describe('any interleaving', () => {
  it('delivers everything, in order, within the bounds, without a deadlock', () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 120 }),
        fc.integer({ min: 1, max: 100_000 }),
        (steps, highWater) => {
          const world = new World(highWater);
          for (const step of steps) {
            act(world, step);
            world.check();
          }
          for (const each of world.owners) each.stream?.resume();
          world.settle();
          world.check();
          // Everybody can still talk.
          for (const each of world.owners) each.write(100_000);
          world.settle();
          for (const each of world.owners) {
            expect(each.mayWrite || each.ending || each.destroyed || each.closes > 0).toBe(true);
            each.finish();
          }
          world.settle();
          world.check();
          world.clients.forEach((a, i) => {
            const b = world.servers[i]!;
            expect([a.closes, b.closes]).toEqual([1, 1]);
            if (a.destroyed || b.destroyed) return;
            expect([b.read, a.read]).toEqual([a.written, b.written]);
            expect([a.error, b.error, a.ended, b.ended]).toEqual([undefined, undefined, true, true]);
          });
          expect(world.client.h2.activeStreams + world.server.h2.activeStreams).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps a writer that heeds write() within its mark', () => {
    const world = new World(1);
    world.settle();
    const [writer] = world.clients;
    world.servers[0]!.stream!.pause();
    for (let i = 0; i < 1_000; i++) {
      writer!.write(10_000);
      world.client.turns.run();
      world.up.carry(Number.POSITIVE_INFINITY);
    }
    const most = WINDOW_BYTES + H2_LIMITS.pendingHighBytes + 2 * 10_000;
    expect(writer!.written).toBeLessThanOrEqual(most);
  });
});
