/**
 * A client that moves bulk and nothing else, as a process of its own: what arrives is counted and dropped, what is
 * sent is one prepared buffer again and again. It does less for a byte than psql or any driver, so that what is
 * measured is the way and not the client. Reads a task as JSON from its argument, prints a result as JSON.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { copyData, copyDone, password, query, sslRequest, startup } from '../../src/wire/build-frontend.ts';

export interface BulkTask {
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Given in clear when asked for. */
  readonly password: string;
  readonly tls: boolean;
  readonly sql: string;
  /** Absent: count what comes. Otherwise send rows of text for COPY FROM STDIN, about so many bytes. */
  readonly copyIn?: { readonly bytes: number };
  /** Read no faster than this. */
  readonly bytesPerSecond?: number;
}

export interface BulkResult {
  readonly seconds: number;
  readonly bytes: number;
  readonly cpuMicros: number;
}

/** What psql puts into one message of COPY. */
const COPY_MESSAGE_BYTES = 8_192;
const ROW = `${'1000000\t10\t0\t'.padEnd(96, 'x')}\n`;
const ROWS_IN_BUFFER = Math.floor((8 * COPY_MESSAGE_BYTES) / ROW.length);
const READ_BYTES = 256 * 1_024;
const PACE_MS = 10;
/** ReadyForQuery, idle: the last bytes of every answer. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const ERROR_RESPONSE = 0x45;
/** AuthenticationCleartextPassword. */
const ASK_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/** Takes a chunk; what it returns says whether to go on reading. The chunk is valid only during the call. */
type Receive = (chunk: Buffer) => boolean;

interface Connection {
  readonly socket: Socket;
  receive: Receive;
}

/** Without TLS it reads into one buffer over and over, which is the cheapest way to drop bytes. */
async function open(task: BulkTask): Promise<Connection> {
  const connection: Partial<Connection> = { receive: () => true };
  const where = { host: '127.0.0.1', port: task.port, noDelay: true };
  const hear: Receive = (chunk) => connection.receive!(chunk);
  let socket: Socket;
  if (task.tls) {
    const plain = connect(where);
    plain.write(sslRequest());
    await once(plain, 'readable');
    plain.read();
    socket = connectTls({ socket: plain, rejectUnauthorized: false });
    socket.on('data', (chunk: Buffer) => {
      if (!hear(chunk)) socket.pause();
    });
    await once(socket, 'secureConnect');
  } else {
    const onread = {
      buffer: Buffer.allocUnsafe(READ_BYTES),
      callback: (size: number, buffer: Uint8Array) => hear((buffer as Buffer).subarray(0, size)),
    };
    socket = connect({ ...where, onread });
    await once(socket, 'connect');
  }
  const opened = Object.assign(connection as Connection, { socket });
  await signIn(opened, task);
  return opened;
}

async function signIn(connection: Connection, task: BulkTask): Promise<void> {
  const ready = untilReady(connection, (chunk) => {
    if (chunk.equals(ASK_PASSWORD)) connection.socket.write(password(task.password));
  });
  connection.socket.write(
    startup([
      ['user', task.user],
      ['database', task.database],
    ]),
  );
  await ready;
}

/** Resolves with the bytes up to the end of the answer. */
function untilReady(connection: Connection, look?: (chunk: Buffer) => void, pace = Number.POSITIVE_INFINITY) {
  const { socket } = connection;
  return new Promise<number>((resolve, reject) => {
    const start = performance.now();
    let bytes = 0;
    connection.receive = (chunk) => {
      look?.(chunk);
      if (bytes === 0 && chunk[0] === ERROR_RESPONSE) reject(new Error(chunk.toString('latin1')));
      bytes += chunk.length;
      if (endsWithReady(chunk)) resolve(bytes);
      const aheadMs = (bytes / pace) * 1_000 - (performance.now() - start);
      if (aheadMs < PACE_MS) return true;
      setTimeout(() => socket.resume(), aheadMs);
      return false;
    };
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('The connection ended in mid-transfer.')));
  });
}

function endsWithReady(chunk: Buffer): boolean {
  const at = chunk.length - READY.length;
  return at >= 0 && chunk.compare(READY, 0, READY.length, at) === 0;
}

async function sendRows(socket: Socket, bytes: number): Promise<void> {
  const buffer = copyMessages(Buffer.from(ROW.repeat(ROWS_IN_BUFFER)));
  for (let sent = 0; sent < bytes; sent += buffer.length) {
    if (!socket.write(buffer)) await new Promise<void>((done) => socket.once('drain', () => done()));
  }
  socket.write(copyDone());
}

/** CopyData messages as psql cuts them: every so many bytes, wherever a row ends. */
function copyMessages(rows: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < rows.length; at += COPY_MESSAGE_BYTES) {
    parts.push(copyData(rows.subarray(at, at + COPY_MESSAGE_BYTES)));
  }
  return Buffer.concat(parts);
}

async function perform(task: BulkTask): Promise<BulkResult> {
  const connection = await open(task);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const received = untilReady(connection, undefined, task.bytesPerSecond);
  connection.socket.write(query(task.sql));
  if (task.copyIn) await Promise.race([sendRows(connection.socket, task.copyIn.bytes), received]);
  const bytes = await received;
  const seconds = (performance.now() - start) / 1_000;
  const used = process.cpuUsage(cpu);
  connection.socket.destroy();
  return { seconds, bytes: task.copyIn?.bytes ?? bytes, cpuMicros: used.user + used.system };
}

process.stdout.write(JSON.stringify(await perform(JSON.parse(process.argv[2]!) as BulkTask)));
