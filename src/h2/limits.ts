/**
 * Every limit of the HTTP/2 part, with the reason for its number. Sizes in bytes. An allowance is a token
 * bucket: `burst` events at once, refilled with `perSecond`; who exceeds it is closed with ENHANCE_YOUR_CALM.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

const allowance = (burst: number, perSecond: number): Allowance => ({ burst, perSecond });

export const H2_LIMITS = {
  /** Streams of one connection unless the owner says otherwise. */
  streams: 10_000,
  /** Receive window of a stream at first: full speed on a near path, where a larger one would only be a queue. */
  streamWindowBytes: 256 * KiB,
  /** ... and what it may grow to on a far path: 80 MB/s at 50 ms. A stalled reader holds at most this much memory. */
  maxStreamWindowBytes: 4 * MiB,
  /** Receive window of the connection, re-opened as streams consume: 256 stalled readers with full first windows. */
  connectionWindowBytes: 64 * MiB,
  /** The speed we expect of a path, to size windows by its round trip: 1 Gbit/s. */
  pathBytesPerMs: 125_000,
  /** While bulk data comes in, the round trip is measured that often, and the best of so many counts. */
  probeIntervalMs: 200,
  probesKept: 16,
  /** DATA payload we accept per frame: DATA is never collected, so larger frames cost nothing but fairness. */
  frameBytes: 64 * KiB,

  /** A header block over all its fragments: a bearer token may have 32 KiB, Huffman may not help. */
  headerBlockBytes: 64 * KiB,
  /** CONTINUATION frames of one block: 64 KiB in default-sized frames need 4. */
  continuations: 16,
  /** Decoded size (RFC 9113, 6.5.2: name + value + 32 each), so that references cannot multiply a small block. */
  headerListBytes: 64 * KiB,
  /** Fields of one block; a CONNECT has about five. */
  headerFields: 128,
  /** HPACK's default dynamic table, which every encoder expects. */
  headerTableBytes: 4 * KiB,
  /** Parameters in one SETTINGS frame; seven are defined today. */
  settings: 64,

  /** A write up to this size goes out before bulk data of the same turn. */
  smallWriteBytes: 4 * KiB,
  /** Small frames of one turn; beyond it writes wait in their streams and share the next turn. */
  urgentBytes: 64 * KiB,
  /** Bulk bytes handed to the transport per turn: large enough for full TLS records, about 50 µs of work. */
  bulkBytes: 64 * KiB,
  /** One stream's turn while several have bulk data waiting: one TLS record. */
  quantumBytes: 16 * KiB,
  /** Bytes a stream may have waiting before `write` returns false, and below which it drains. */
  pendingHighBytes: 64 * KiB,
  pendingLowBytes: 16 * KiB,
  /** Answers to the peer (ACK, RST_STREAM) waiting for a transport that does not take them; about 17 bytes each. */
  waitingAnswers: 1_000,
  /** Streams reset by us whose late frames are still ignored rather than taken as a violation. */
  recentResets: 16_384,

  /** Streams reset before we answered, or that we had to reset: the rapid-reset attack and its mirror. */
  hastyResets: allowance(500, 50),
  /** Resets of answered streams: a pool of 10,000 clients may be killed at once. */
  resets: allowance(20_000, 1_000),
  /** SETTINGS make us answer and walk all streams; real peers send one or two in a connection's life. */
  settingsFrames: allowance(20, 1),
  /** PING makes us answer; our own peer measures five times a second while bulk data flows. */
  pings: allowance(100, 50),
  /** DATA without a payload and without END_STREAM says nothing. */
  emptyData: allowance(100, 10),
  /** PRIORITY, unknown types, GOAWAY, frames for streams that are gone: parsed and thrown away. */
  ignoredFrames: allowance(10_000, 1_000),
  /** A peer with tiny windows sends one for each of our frames. */
  windowUpdates: allowance(50_000, 50_000),
} as const;
