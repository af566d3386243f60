import { describe, expect, it } from 'vitest';
import { FLAG, FRAME } from '../../../src/h2/frames.ts';
import { H2_LIMITS } from '../../../src/h2/limits.ts';
import type { H2Options } from '../../../src/h2/types.ts';
import { CONNECT, dataFrame, Ear, End, frame, framesOf, headersFrame, isProbe, SETTINGS } from './support.ts';

/** Receive windows grow with the distance of the peer, and no further. */

const WINDOW_BYTES = 100_000;

/** A client with one stream in bulk, `distanceMs` away from its peer. */
class Far {
  readonly client: End;
  readonly ear = new Ear();
  readonly stream;
  distanceMs: number;
  /** What the peer may still send, and the sum of all it was allowed. */
  credit = WINDOW_BYTES;
  probes = 0;

  constructor(distanceMs: number, options: Partial<H2Options> = {}) {
    this.distanceMs = distanceMs;
    this.client = new End('client', {
      initialWindowBytes: WINDOW_BYTES,
      maxWindowBytes: 2_000_000,
      ...options,
    });
    this.stream = this.client.h2.open(CONNECT);
    this.stream.start(this.ear);
    this.client.feed(SETTINGS, headersFrame(1, { ':status': '200' }));
    this.look();
  }

  /** Answers probes after the distance, and counts what the peer may send. */
  look(): void {
    this.client.turns.run();
    let bytes = this.client.pipe.take();
    while (bytes.length > 0) {
      const frames = framesOf(bytes);
      for (const { type, id, payload } of frames) {
        if (type === FRAME.WINDOW_UPDATE && id === 1) this.credit += payload.readUInt32BE();
        if (type !== FRAME.PING || !isProbe(payload)) continue;
        this.probes++;
        this.client.nowMs += this.distanceMs;
        this.client.feed(frame(FRAME.PING, FLAG.ACK, 0, payload));
      }
      this.client.turns.run();
      bytes = this.client.pipe.take();
    }
  }

  /** The peer sends all it may, `times` times, a second apart. Returns what it may send then. */
  bulk(times: number): number {
    for (let i = 0; i < times; i++) {
      for (let left = this.credit; left > 0; left -= 50_000) {
        this.client.feed(dataFrame(1, Buffer.alloc(Math.min(left, 50_000))));
        this.credit -= Math.min(left, 50_000);
      }
      this.look();
      this.client.nowMs += 1_000;
    }
    return this.credit;
  }
}

describe('the window of a stream', () => {
  it('stays as it is where the peer is near', () => {
    expect(new Far(0.1).bulk(10)).toBeLessThanOrEqual(WINDOW_BYTES);
  });

  it('grows to twice what a round trip holds, not beyond its maximum', () => {
    const bytes = new Far(4).bulk(10);
    expect(bytes).toBeGreaterThan(4 * H2_LIMITS.pathBytesPerMs);
    expect(bytes).toBeLessThanOrEqual(8 * H2_LIMITS.pathBytesPerMs);
    expect(new Far(500).bulk(10)).toBeLessThanOrEqual(2_000_000);
    expect(new Far(500).bulk(10)).toBeGreaterThan(1_000_000);
  });

  it('believes the shortest of the last round trips, and shrinks again', () => {
    const far = new Far(8);
    expect(far.bulk(10)).toBeGreaterThan(8 * H2_LIMITS.pathBytesPerMs);
    far.distanceMs = 0.1;
    expect(far.bulk(20)).toBeLessThanOrEqual(WINDOW_BYTES);
  });

  it('does not grow when much is kept already', () => {
    const far = new Far(100, { connectionWindowBytes: 400_000 });
    const idle = [3, 5, 7].map(() => far.client.h2.open(CONNECT));
    for (const { id } of idle) {
      far.client.feed(headersFrame(id, { ':status': '200' }), dataFrame(id, Buffer.alloc(60_000)));
      far.client.feed(dataFrame(id, Buffer.alloc(40_000)));
    }
    expect(far.bulk(3)).toBeLessThanOrEqual(WINDOW_BYTES);
  });

  it('does not grow without data, and asks nothing then', () => {
    const far = new Far(100);
    far.client.nowMs += 100_000;
    far.look();
    expect([far.credit, far.probes]).toEqual([WINDOW_BYTES, 1]);
  });
});
