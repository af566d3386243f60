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
  readonly mode: 'ping' | 'tunnel' | 'bulk';
  readonly streams: number;
  readonly messageBytes: number;
  /** TLS port of the gateway, for the cli; echo port, for the gateway in tunnel mode. */
  readonly port: number;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** Answer to `usage`: CPU time so far, and messages or bytes counted. */
export interface Usage {
  readonly cpuMicros: number;
  readonly count: number;
}

let count = 0;
const BULK_CHUNK = Buffer.alloc(64 * 1024, 'x');

process.on('message', (message: Task | 'usage') => {
  if (message === 'usage') {
    const { user, system } = process.cpuUsage();
    process.send!({ cpuMicros: user + system, count } satisfies Usage);
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
      else fill(stream);
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
    const stream = end.open();
    if (task.mode === 'ping') pingPong(stream, message);
    else {
      stream.data = (chunk) => {
        count += chunk.length;
      };
      stream.write(message);
    }
  }
  process.send!(0);
}

function pingPong(stream: BenchStream, message: Buffer): void {
  let missing = message.length;
  stream.data = (chunk) => {
    missing -= chunk.length;
    if (missing > 0) return;
    missing = message.length;
    count++;
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
