import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { H2Connection } from '../../src/h2/connection.ts';
import type { H2Options, H2Transport } from '../../src/h2/types.ts';

/**
 * The two ways to carry streams over one TLS connection that the benchmark compares, behind one small
 * interface: ours, with different times at which a turn runs, and node:http2 with large windows and frames.
 */

/** A stream: `data` is set before anything arrives. */
export interface BenchStream {
  data: (chunk: Buffer) => void;
  drain: () => void;
  end: () => void;
  write(chunk: Uint8Array): boolean;
  close(): void;
}

export interface BenchEnd {
  open(): BenchStream;
}

export const KINDS = ['node:http2', 'own, immediate', 'own, nextTick', 'own, adaptive'] as const;
export type Kind = (typeof KINDS)[number];

const CONNECTION_WINDOW_BYTES = 64 << 20;
const SETTINGS = { initialWindowSize: 1 << 20, maxFrameSize: 1 << 16, enablePush: false };
const CONNECT = { ':method': 'CONNECT', ':authority': 'db:5432', authorization: 'Bearer bench' };
const nothing = (): void => {};

type Accept = (stream: BenchStream) => void;

/** Puts the gateway's end on an accepted socket. */
export function serve(kind: Kind, socket: TLSSocket, accept: Accept): void {
  if (kind !== 'node:http2') {
    own('server', kind, socket, accept);
    return;
  }
  const session = http2.performServerHandshake(socket, { settings: SETTINGS });
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  session.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    accept(nodeStream(stream));
  });
  session.on('error', nothing);
}

/** Puts the client's end on a connected socket. */
export async function connect(kind: Kind, socket: TLSSocket): Promise<BenchEnd> {
  if (kind !== 'node:http2') {
    const connection = own('client', kind, socket, nothing);
    return {
      open: () => {
        const stream = bench(
          (chunk) => opened.write(chunk),
          () => opened.destroy(),
        );
        const opened = connection.open(CONNECT);
        opened.start(handlers(stream));
        return stream;
      },
    };
  }
  const session = http2.connect('http://bench', { createConnection: () => socket, settings: SETTINGS });
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  session.on('error', nothing);
  await new Promise((done) => session.once('remoteSettings', done));
  return { open: () => nodeStream(session.request(CONNECT)) };
}

function own(role: 'client' | 'server', kind: Kind, socket: TLSSocket, accept: Accept): H2Connection {
  const transport: H2Transport = {
    write: (chunk, released) => socket.write(chunk, released),
    close: () => socket.destroySoon(),
  };
  const connection = new H2Connection(role, transport, {
    now: () => performance.now(),
    schedule: scheduleOf(kind),
    onStream: (opened) => {
      opened.respond(200);
      const stream = bench(
        (chunk) => opened.write(chunk),
        () => opened.destroy(),
      );
      accept(stream);
      opened.start(handlers(stream));
    },
    onClose: nothing,
  });
  socket.on('data', (chunk: Buffer) => connection.receive(chunk));
  socket.on('drain', () => connection.drained());
  socket.on('close', () => connection.destroy());
  return connection;
}

/** When a turn runs: at the end of the loop's round, after each callback, or by the number of streams. */
function scheduleOf(kind: Kind): H2Options['schedule'] {
  if (kind === 'own, immediate') return setImmediate;
  if (kind === 'own, nextTick') return process.nextTick;
  return (turn, activeStreams) => {
    if (activeStreams > 1) setImmediate(turn);
    else process.nextTick(turn);
  };
}

function bench(write: (chunk: Uint8Array) => boolean, close: () => void): BenchStream {
  return { data: nothing, drain: nothing, end: nothing, write, close };
}

function handlers(stream: BenchStream) {
  return {
    data: (chunk: Buffer) => stream.data(chunk),
    drain: () => stream.drain(),
    end: () => stream.end(),
    close: nothing,
  };
}

function nodeStream(duplex: Duplex): BenchStream {
  const stream = bench(
    (chunk) => duplex.write(chunk),
    () => duplex.destroy(),
  );
  duplex.on('data', (chunk: Buffer) => stream.data(chunk));
  duplex.on('drain', () => stream.drain());
  duplex.on('end', () => stream.end());
  duplex.on('error', nothing);
  return stream;
}
