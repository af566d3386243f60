/**
 * A running tunnel answers for itself: a unix socket in the user's own folder (a named pipe on Windows), one
 * JSON line asked, one answered. A pid in a file can be dead or somebody else's by now; a socket that
 * answers cannot.
 */
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';

const MAX_LINE_BYTES = 16 * 1024;
const ANSWER_TIMEOUT_MS = 2_000;
const MAX_CONNECTIONS = 16;

export type ControlRequest = 'describe' | 'drain' | 'cut';
const REQUESTS = new Set<string>(['describe', 'drain', 'cut']);

export interface ControlServer {
  close(): Promise<void>;
}

/**
 * Listens and answers each request with what `answer` gives.
 * @throws the system's error, EADDRINUSE when a tunnel already answers there
 */
export async function serveControl(
  path: string,
  answer: (request: ControlRequest) => unknown,
): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    readLine(socket, (line) => {
      if (REQUESTS.has(line)) socket.end(`${JSON.stringify(answer(line as ControlRequest))}\n`);
      else socket.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, path).catch(async (error: NodeJS.ErrnoException) => {
    // A socket file that a killed process left behind.
    if (error.code !== 'EADDRINUSE' || (await askControl(path, 'describe')).kind !== 'gone') throw error;
    await rm(path, { force: true });
    await listen(server, path);
  });
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
      if (process.platform !== 'win32') await rm(path, { force: true });
    },
  };
}

/** How an asked tunnel answered; `gone` when none listens there any more. */
export type ControlAnswer =
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'gone' }
  | { readonly kind: 'silent' };

export function askControl(path: string, request: ControlRequest): Promise<ControlAnswer> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answer: ControlAnswer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish({ kind: 'silent' }));
    socket.once('connect', () => socket.write(`${request}\n`));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish({ kind: error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? 'gone' : 'silent' }),
    );
    socket.once('close', () => finish({ kind: 'silent' }));
    readLine(socket, (line) => finish(parse(line)));
  });
}

function parse(line: string): ControlAnswer {
  try {
    return { kind: 'answer', value: JSON.parse(line) };
  } catch {
    return { kind: 'silent' };
  }
}

/** Calls back with the first line; a longer one than allowed ends the connection. */
function readLine(socket: Socket, onLine: (line: string) => void): void {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end >= 0) {
      socket.removeAllListeners('data');
      onLine(text.slice(0, end));
    } else if (text.length > MAX_LINE_BYTES) {
      socket.destroy();
    }
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}
