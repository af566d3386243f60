/**
 * The sockets a tunnel listens on. TCP: loopback only, the same port on IPv4 and IPv6, so that `localhost` cannot
 * lead to somebody else's port. Unix: `.s.PGSQL.<port>` in a folder only its user can enter.
 */
import { rm } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GwError } from '../../core/errors.ts';

export type LocalAddress =
  | { readonly kind: 'tcp' /** Tried in order; 0 is any free one. */; readonly ports: readonly number[] }
  | { readonly kind: 'unix' /** Private already. */; readonly folder: string; readonly port: number };

export interface LocalServer {
  /** `127.0.0.1`, or the folder of the unix socket. */
  readonly host: string;
  readonly port: number;
  /** Of the unix socket. */
  readonly path?: string;
  /** Stops accepting; connections that exist go on. */
  close(): Promise<void>;
}

type OnSocket = (socket: Socket) => void;

const BACKLOG = 511;
/** sun_path has 104 bytes on macOS and BSD, 108 on Linux, the zero at its end included. */
const MAX_SOCKET_PATH_BYTES = 103;
const ANY_PORT_ATTEMPTS = 5;

/** @throws GwError `usage` when the only port is taken or not allowed, `configuration` for an unusable path */
export function listenLocally(address: LocalAddress, onSocket: OnSocket): Promise<LocalServer> {
  return address.kind === 'tcp' ? listenTcp(address.ports, onSocket) : listenUnix(address, onSocket);
}

async function listenTcp(ports: readonly number[], onSocket: OnSocket): Promise<LocalServer> {
  const wanted = ports.length === 1 && ports[0] === 0 ? new Array<number>(ANY_PORT_ATTEMPTS).fill(0) : ports;
  for (const port of wanted) {
    const server = await bothLoopbacks(port, onSocket);
    if (server) return server;
  }
  const what = ports.length === 1 ? `Port ${ports[0]} is` : `Ports ${ports[0]} and those after it are`;
  throw new GwError('usage', `${what} in use or not allowed for you.`, {
    hint: 'Choose another one with --port, or let the system choose: --port 0.',
  });
}

/** Undefined when one of the two is taken. A machine without IPv6 has only one. */
async function bothLoopbacks(port: number, onSocket: OnSocket): Promise<LocalServer | undefined> {
  const first = newServer(onSocket);
  if ((await tryListen(first, { host: '127.0.0.1', port })) !== undefined) return undefined;
  const bound = portOf(first);
  const second = newServer(onSocket);
  const failure = await tryListen(second, { host: '::1', port: bound, ipv6Only: true });
  if (failure === 'EADDRINUSE' || failure === 'EACCES') {
    await closeServer(first);
    return undefined;
  }
  const servers = failure === undefined ? [first, second] : [first];
  return {
    host: '127.0.0.1',
    port: bound,
    close: async () => void (await Promise.all(servers.map(closeServer))),
  };
}

async function listenUnix(
  { folder, port }: { folder: string; port: number },
  onSocket: OnSocket,
): Promise<LocalServer> {
  const path = join(folder, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new GwError('configuration', `The path ${path} is too long for a socket.`, {
      detail: `The system allows ${MAX_SOCKET_PATH_BYTES} bytes.`,
      hint: 'Name a shorter folder: --socket DIR.',
    });
  }
  const server = newServer(onSocket);
  let failure = await tryListen(server, { path });
  if (failure === 'EADDRINUSE' && (await isAbandoned(path))) {
    await rm(path, { force: true });
    failure = await tryListen(server, { path });
  }
  if (failure !== undefined) {
    throw new GwError('usage', `The socket ${path} cannot be opened (${failure}).`, {
      hint: 'Another tunnel may be listening there: name another folder (--socket DIR) or another port (--port).',
    });
  }
  return { host: folder, port, path, close: () => closeServer(server) };
}

/** A socket file that a killed process left behind: nobody answers. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(false));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED'));
  });
}

function newServer(onSocket: OnSocket): Server {
  return createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, onSocket);
}

const portOf = (server: Server): number => (server.address() as { port: number }).port;

/** The error's code, or undefined when it listens. */
function tryListen(server: Server, where: ListenOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void => resolve(error.code ?? 'error');
    server.once('error', onError);
    server.listen({ ...where, backlog: BACKLOG, exclusive: true }, () => {
      server.off('error', onError);
      // Too many open files, say: the next accept may succeed again.
      server.on('error', () => {});
      resolve(undefined);
    });
  });
}

/** Does not wait for connections to end; a unix socket's file is removed by the close itself. */
function closeServer(server: Server): Promise<void> {
  server.close();
  return Promise.resolve();
}
