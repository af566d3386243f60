import net from 'node:net';
import tls from 'node:tls';
import { type BenchStream, connect, type Kind, serve } from './h2-ends.ts';

/**
 * One process of the HTTP/2 benchmark, told what to be by its first message:
 *
 *   gateway  accepts the TLS connection; a stream is echoed, carried to a TCP port, or filled with bulk data
 *   cli      dials it; plays ping-pong on its own, accepts local TCP connections and carries them, or counts bulk
 */
export interface Task {
  readonly role: 'gateway' | 'cli';
  readonly kind: Kind;
  readonly mode: 'ping' | 'tunnel' | 'bulk' | 'mixed';
  readonly streams: number;
  readonly messageBytes: number;
  /** TLS port of the gateway, for the cli; echo port, for the gateway in tunnel mode. */
  readonly port: number;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** Answer to `usage`: CPU time so far, and messages or bytes counted; round trips since the last time. */
export interface Usage {
  readonly cpuMicros: number;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

let count = 0;
let tripsMs: number[] = [];
const PULL = Buffer.alloc(1, 'b');
const BULK_CHUNK = Buffer.alloc(64 * 1024, 'x');

process.on('message', (message: Task | 'usage') => {
  if (message === 'usage') {
    const { user, system } = process.cpuUsage();
    const sorted = Float64Array.from(tripsMs).sort();
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
    tripsMs = [];
    process.send!({ cpuMicros: user + system, count, p50Ms: at(0.5), p99Ms: at(0.99) } satisfies Usage);
  } else if (message.role === 'gateway') gateway(message);
  else void cli(message);
});
process.on('disconnect', () => process.exit(0));

function listening(server: net.Server): void {
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as net.AddressInfo).port));
}

function gateway(task: Task): void {
  const server = tls.createServer({ key: task.key, cert: task.cert, ALPNProtocols: ['h2'] }, (socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    serve(task.kind, socket, (stream) => {
      if (task.mode === 'ping') stream.data = (chunk) => stream.write(chunk);
      else if (task.mode === 'tunnel') carry(stream, net.connect({ port: task.port, host: '127.0.0.1' }));
      else if (task.mode === 'bulk') fill(stream);
      else mixed(stream);
    });
  });
  listening(server);
}

async function cli(task: Task): Promise<void> {
  const socket = tls.connect({ port: task.port, ca: task.ca, host: '127.0.0.1', ALPNProtocols: ['h2'] });
  socket.setNoDelay(true);
  await new Promise((done) => socket.once('secureConnect', done));
  const end = await connect(task.kind, socket);
  if (task.mode === 'tunnel') {
    listening(net.createServer((local) => carry(end.open(), local)));
    return;
  }
  const message = Buffer.alloc(task.messageBytes, 'm');
  for (let i = 0; i < task.streams; i++) {
    if (task.mode === 'ping') pingPong(end.open(), message);
    else if (task.mode === 'bulk') pull(end.open(), (bytes) => (count += bytes));
    else {
      pingPong(end.open(), message);
      pull(end.open(), () => {});
    }
  }
  process.send!(0);
}

function pull(stream: BenchStream, counted: (bytes: number) => void): void {
  stream.data = (chunk) => counted(chunk.length);
  stream.write(PULL);
}

function pingPong(stream: BenchStream, message: Buffer): void {
  let missing = message.length;
  let sentAt = performance.now();
  stream.data = (chunk) => {
    missing -= chunk.length;
    if (missing > 0) return;
    missing = message.length;
    count++;
    const now = performance.now();
    tripsMs.push(now - sentAt);
    sentAt = now;
    stream.write(message);
  };
  stream.write(message);
}

/** Bulk from the moment the stream says its first word. */
function fill(stream: BenchStream): void {
  const pump = (): void => {
    while (stream.write(BULK_CHUNK)) {}
  };
  stream.drain = pump;
  stream.data = pump;
}

/** Bulk for who asks for it, an echo for the others. */
function mixed(stream: BenchStream): void {
  stream.data = (chunk) => {
    if (chunk[0] === PULL[0]) fill(stream);
    else stream.data = (more) => stream.write(more);
    stream.data(chunk);
  };
}

function carry(stream: BenchStream, socket: net.Socket): void {
  socket.setNoDelay(true);
  stream.data = (chunk) => {
    socket.write(Buffer.from(chunk));
  };
  stream.end = () => socket.end();
  socket.on('data', (chunk) => stream.write(chunk));
  socket.on('close', () => stream.close());
  socket.on('error', () => {});
}
