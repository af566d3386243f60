import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { TLSSocket, connect as tlsConnect } from 'node:tls';
import { sslRequest } from '../../../src/wire/build-frontend.ts';

/**
 * A man in the middle: takes SSLRequest, shows a certificate of its own, and passes everything on over TLS to the
 * real server.
 */
export async function relayWithTls(
  { cert, key }: { readonly cert: string; readonly key: string },
  server: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const keep = <S extends Socket>(socket: S): S => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const relay = createServer(async (client) => {
    keep(client);
    await once(client, 'data');
    client.write('S');
    const victim = keep(new TLSSocket(client, { isServer: true, cert, key }));
    const plain = keep(connect(server));
    plain.write(sslRequest());
    await once(plain, 'data');
    const upstream = keep(tlsConnect({ socket: plain, rejectUnauthorized: false }));
    victim.pipe(upstream);
    upstream.pipe(victim);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}
