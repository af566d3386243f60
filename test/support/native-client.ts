import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { SessionGrant } from '../../src/contract/api.ts';
import { password, sslRequest, startup } from '../../src/wire/build-frontend.ts';
import type { TestGateway } from './gateway.ts';
import { RawClient } from './raw-client.ts';

/** Clients of the native port that do exactly what a test says, byte by byte. */
type At = Pick<TestGateway, 'port' | 'ca'>;

export type Parameters = readonly (readonly [string, string])[];

/** A TCP connection to the port, connected. */
export function dialTcp({ port }: At): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => {});
      resolve(socket);
    });
  });
}

/** TLS at once, with these ALPN protocols; over `socket` when it is given. */
export function dialTls(
  { port, ca }: At,
  ALPNProtocols: readonly string[] = ['postgresql'],
  socket?: Socket,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const way = socket ? { socket } : { port, host: '127.0.0.1' };
    const tls = connectTls({ ...way, ca, servername: 'localhost', ALPNProtocols: [...ALPNProtocols] });
    tls.once('error', reject);
    tls.once('secureConnect', () => {
      tls.off('error', reject).on('error', () => {});
      resolve(tls);
    });
  });
}

/** The next bytes on a socket, or an empty buffer at its end. */
export function nextBytes(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const settle = (bytes: Buffer): void => {
      socket.pause();
      socket.off('data', settle).off('end', onEnd).off('close', onEnd);
      resolve(bytes);
    };
    const onEnd = (): void => settle(Buffer.alloc(0));
    socket.on('data', settle).on('end', onEnd).on('close', onEnd);
    if (socket.closed || socket.readableEnded) onEnd();
    else socket.resume();
  });
}

/** PostgreSQL's classic way to TLS: SSLRequest, `S`, handshake. */
export async function dialSslRequest(at: At, ALPNProtocols: readonly string[] = []): Promise<TLSSocket> {
  const socket = await dialTcp(at);
  socket.write(sslRequest());
  const answer = (await nextBytes(socket)).toString();
  if (answer !== 'S') throw new Error(`SSLRequest was answered ${JSON.stringify(answer)}`);
  return dialTls(at, ALPNProtocols, socket);
}

/** Startup and password; the client may be refused. */
export function signIn(
  socket: Socket,
  token: string,
  parameters: Parameters,
  version?: { major: number; minor: number },
): RawClient {
  const client = new RawClient(socket);
  client.send(
    startup(
      parameters.map(([name, value]) => [name, value]),
      version,
    ),
    password(token),
  );
  return client;
}

/** A session of the grant's target, past its first ReadyForQuery. */
export async function nativeSession(
  at: At,
  grant: SessionGrant,
  parameters: Parameters = [],
  version?: { major: number; minor: number },
): Promise<RawClient> {
  const all: Parameters = [['user', grant.user], ['database', grant.target], ...parameters];
  const client = signIn(await dialTls(at), grant.token, all, version);
  await client.until('Z');
  return client;
}

/** The text of the first column of each row among messages. */
export function firstColumn(messages: readonly { type: string; body: Buffer }[]): string[] {
  return messages
    .filter(({ type }) => type === 'D')
    .map(({ body }) => body.subarray(6, 6 + body.readInt32BE(2)).toString());
}
