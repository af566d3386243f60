import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type ErrorBody, ROUTES, type SessionGrant } from '../../../src/contract/api.ts';
import type { GwError } from '../../../src/core/errors.ts';
import { socketChannel } from '../../../src/core/socket-channel.ts';
import { H2Connection } from '../../../src/h2/connection.ts';
import type { H2Stream, Headers } from '../../../src/h2/types.ts';
import { makeCerts, type TestCerts } from '../../support/certs.ts';

/**
 * A gateway that does what a test says: TLS and HTTP/2 are real, behind a stream is a real PostgreSQL (which
 * trusts the test's role), grants are made up. It can refuse, hang up, vanish and come back.
 */
export interface ScriptedGateway {
  readonly url: URL;
  readonly tls: { readonly ca: string };
  sessionGrant(target: string): Promise<SessionGrant>;
  /** Answers the next streams instead of the default, which relays to PostgreSQL. */
  script: ((stream: H2Stream, headers: Headers) => void) | undefined;
  /** What the next grants look like, or why there is none. */
  grant: (() => Partial<SessionGrant>) | undefined;
  /** Headers of all streams so far. */
  readonly streams: Headers[];
  readonly grants: SessionGrant[];
  /** TLS connections that are open. */
  readonly connections: ReadonlySet<H2Connection>;
  /** Relays a stream to PostgreSQL, as the default does. */
  relay(stream: H2Stream): void;
  /** Drops all connections without a word. */
  cut(): void;
  /** Stops reading from all connections: they look alive, and answer nothing. */
  freeze(): void;
  /** Stops listening, so that a new connection is refused. */
  down(): Promise<void>;
  /** Listens again, on the same port. */
  up(): Promise<void>;
  stop(): Promise<void>;
}

export async function startScriptedGateway(
  postgresPort: number,
  certs?: TestCerts,
): Promise<ScriptedGateway> {
  const { cert, key, ca } = certs ?? (await makeCerts());
  const sockets = new Set<TLSSocket>();
  const connections = new Set<H2Connection>();
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;

  function listen(onPort: number): Promise<Server> {
    const fresh = createServer({ cert, key, ALPNProtocols: ['h2', 'http/1.1'] }, accept);
    fresh.on('tlsClientError', () => {});
    return new Promise((resolve, reject) => {
      fresh.once('error', reject);
      fresh.listen(onPort, '127.0.0.1', () => resolve(fresh));
    });
  }

  function accept(socket: TLSSocket): void {
    sockets.add(socket);
    if (socket.alpnProtocol !== 'h2') {
      socket.once('close', () => sockets.delete(socket)).on('error', () => {});
      api.emit('connection', socket);
      return;
    }
    const channel = socketChannel(socket);
    const connection = new H2Connection(
      'server',
      { write: (chunk) => channel.writeOwned(chunk), close: () => channel.end() },
      {
        now: () => performance.now(),
        schedule: (turn) => setImmediate(turn),
        onStream: (stream, headers) => {
          gateway.streams.push(headers);
          if (gateway.script) gateway.script(stream, headers);
          else gateway.relay(stream);
        },
        onIdle: () => connection.destroy(),
        onClose: () => connections.delete(connection),
      },
    );
    connections.add(connection);
    channel.start({
      data: (chunk) => connection.receive(chunk),
      drain: () => connection.drained(),
      end: () => connection.destroy(),
      close: (error) => {
        sockets.delete(socket);
        connection.destroy(error ?? new Error('closed'));
      },
    });
  }

  const api = createHttpServer((request, response) => void answerApi(gateway, request, response));

  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const down = async (): Promise<void> => void server.close();
  let count = 0;
  const gateway: ScriptedGateway = {
    url: new URL(`https://127.0.0.1:${port}`),
    tls: { ca },
    script: undefined,
    grant: undefined,
    streams: [],
    grants: [],
    connections,
    async sessionGrant(target) {
      const made = { ...makeGrant(target, ++count), ...gateway.grant?.() };
      gateway.grants.push(made);
      return made;
    },
    relay(stream) {
      const upstream = socketChannel(connect(postgresPort, '127.0.0.1'));
      stream.respond(200);
      upstream.start({
        data: (chunk) => void (stream.write(chunk) || upstream.pause()),
        drain: () => stream.resume(),
        end: () => stream.end(),
        close: () => stream.destroy(),
      });
      stream.start({
        data: (chunk) => void (upstream.write(chunk) || stream.pause()),
        drain: () => upstream.resume(),
        end: () => upstream.end(),
        close: () => upstream.destroy(),
      });
    },
    cut,
    freeze() {
      for (const socket of sockets) socket.pause();
    },
    down,
    async up() {
      server = await listen(port);
    },
    async stop() {
      cut();
      await down();
    },
  };
  return gateway;
}

/** The API as far as the CLI needs it for a tunnel; any bearer token will do. */
async function answerApi(
  gateway: ScriptedGateway,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const target = {
    name: 'prod-db',
    database: 'postgres',
    databases: ['postgres'],
    because: 'group engineers',
  };
  if (request.url === ROUTES.discovery) {
    const time = new Date().toISOString();
    send(200, {
      gateway: 'scripted',
      version: '0.1.0',
      api_versions: [1],
      time,
      sign_in: [],
      machine_audience: 'gw',
    });
  } else if (request.url === ROUTES.targets) {
    send(200, { targets: [target] });
  } else if (request.url === ROUTES.sessionGrants) {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    try {
      send(200, await gateway.sessionGrant((JSON.parse(body) as { target: string }).target));
    } catch (error) {
      const { code, message, hint, http } = error as GwError;
      send(http, { error: { code, message, hint } });
    }
  } else {
    send(404, { error: { code: 'not_found', message: 'No such route.' } });
  }
}

export function makeGrant(target: string, count: number, now = Date.now()): SessionGrant {
  return {
    id: `g${count}`,
    token: `token-${count}`,
    target,
    database: 'postgres',
    user: 'alice',
    issued_at: new Date(now).toISOString(),
    expires_at: new Date(now + 3_600_000).toISOString(),
    ends_at: new Date(now + 12 * 3_600_000).toISOString(),
  };
}

/** Refuses a stream as the gateway does. */
export function refuse(stream: H2Stream, status: number, error: ErrorBody['error']): void {
  stream.respond(status, { 'content-type': 'application/json' });
  stream.write(Buffer.from(JSON.stringify({ error })));
  stream.end();
  stream.start({ data: () => {}, drain: () => {}, end: () => {}, close: () => {} });
}
