import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ErrorBodySchema } from '../../../src/contract/api.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { createAdminServer } from '../../../src/gateway/api/admin.ts';
import { createApi } from '../../../src/gateway/api/api.ts';
import { createApiServer, limitedServer } from '../../../src/gateway/api/node-http.ts';
import { fixture } from './fixture.ts';

const open: (Server | TcpServer | Socket)[] = [];
afterEach(() => {
  for (const one of open.splice(0)) {
    if ('destroy' in one) one.destroy();
    else {
      if ('closeAllConnections' in one) one.closeAllConnections();
      one.close();
    }
  }
});

async function listen(server: Server | TcpServer): Promise<number> {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A server that is handed its connections, as behind the TLS port. */
async function handed(server: Server): Promise<number> {
  open.push(server);
  return listen(createServer((socket) => server.emit('connection', socket)));
}

async function dial(
  port: number,
): Promise<{ socket: Socket; received: () => string; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  open.push(socket);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, received: () => text, closed };
}

/** Sends bytes, and gives all that comes back until the other side closes. */
async function exchange(port: number, bytes: string): Promise<string> {
  const { socket, received, closed } = await dial(port);
  socket.write(bytes, 'latin1');
  await closed;
  return received();
}

const HEAD = 'Host: gw\r\nConnection: close\r\n';
const AUTH = 'Authorization: Bearer alice\r\n';

describe.each([
  ['that listens itself', listen],
  ['that is handed its connections', handed],
] as const)('a server %s', (_, begin) => {
  const start = (): Promise<number> => begin(createApiServer(createApi(fixture())));

  it('answers requests, several on one connection', async () => {
    const port = await start();
    const first = await exchange(
      port,
      `GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\nGET /v1/whoami HTTP/1.1\r\n${HEAD}${AUTH}\r\n`,
    );
    expect(first.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(first).toContain('"subject":"alice"');
  });

  it('reads a body in pieces', async () => {
    const { socket, received, closed } = await dial(await start());
    const body = '{"target":"prod-db"}';
    socket.write(`POST /v1/session-grants HTTP/1.1\r\n${HEAD}${AUTH}Content-Type: application/json\r\n`);
    socket.write(`Content-Length: ${body.length}\r\n\r\n`);
    for (const char of body) {
      socket.write(char);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(received()).toContain('HTTP/1.1 201');
  });

  it.each([
    ['announced', `Content-Length: ${LIMITS.apiBodyBytes + 1}\r\n\r\n`],
    [
      'that keeps coming',
      `Transfer-Encoding: chunked\r\n\r\n${'1000\r\n'.concat('x'.repeat(4096), '\r\n').repeat(17)}`,
    ],
  ])('refuses a large body %s, and hangs up', async (__, rest) => {
    const answer = await exchange(
      await start(),
      `POST /v1/session-grants HTTP/1.1\r\nHost: gw\r\n${AUTH}Content-Type: application/json\r\n${rest}`,
    );
    expect(answer).toContain('HTTP/1.1 413');
    expect(answer.toLowerCase()).toContain('connection: close');
    const body = ErrorBodySchema.parse(JSON.parse(answer.split('\r\n\r\n')[1]!));
    expect(body.error.code).toBe('limit');
  });

  it.each([
    ['two Authorization headers', `GET /v1/whoami HTTP/1.1\r\n${HEAD}${AUTH}${AUTH}\r\n`, 400],
    [
      'two Content-Types',
      `POST /v1/session-grants HTTP/1.1\r\n${HEAD}${AUTH}Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`,
      415,
    ],
    [
      'two lengths',
      `POST /v1/session-grants HTTP/1.1\r\n${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      400,
    ],
    [
      'a length and chunks',
      `POST /v1/session-grants HTTP/1.1\r\n${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a bare line feed', 'GET /healthz HTTP/1.1\nHost: gw\n\n', 400],
    [
      'a head too large',
      `GET /healthz HTTP/1.1\r\n${HEAD}X: ${'x'.repeat(LIMITS.tokenBytes + 20_000)}\r\n\r\n`,
      431,
    ],
    ['a bad token', `GET /v1/whoami HTTP/1.1\r\n${HEAD}Authorization: Bearer \xff\xfe\r\n\r\n`, 401],
    [
      'a token of the limit',
      `GET /v1/whoami HTTP/1.1\r\n${HEAD}Authorization: Bearer ${'x'.repeat(LIMITS.tokenBytes - 7)}\r\n\r\n`,
      401,
    ],
  ])('answers %s with what it is', async (__, bytes, status) => {
    expect(await exchange(await start(), bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it.each([
    ['not HTTP', 'hello\r\n\r\n', 400, 'protocol_violation'],
    ['too large', `GET / HTTP/1.1\r\nX: ${'x'.repeat(LIMITS.tokenBytes + 20_000)}\r\n\r\n`, 431, 'limit'],
  ])('says in JSON that a head is %s', async (__, bytes, status, code) => {
    const [head, body] = (await exchange(await start(), bytes)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toContain(`content-length: ${body!.length}\r\n`);
    expect(head).toContain('cache-control: no-store');
    expect(ErrorBodySchema.parse(JSON.parse(body!)).error.code).toBe(code);
  });

  it('gives no answer to what it cannot read in place of one that is due', async () => {
    const { promise: due, resolve } = Promise.withResolvers<object>();
    const api = createApi(fixture({ readiness: async () => ({ ready: true, checks: { ...(await due) } }) }));
    const port = await begin(createApiServer(api));
    const answer = await exchange(port, 'GET /readyz HTTP/1.1\r\nHost: gw\r\n\r\nhello\r\n\r\n');
    resolve({});
    expect(answer).toBe('');
  });

  it('answers so many requests on one connection, then wants another', async () => {
    const one = 'GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n';
    const answers = await exchange(await start(), one.repeat(LIMITS.apiRequestsPerConnection + 1));
    expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(LIMITS.apiRequestsPerConnection);
  });

  it('does not wait for ever for a head', async () => {
    const server = limitedServer((___, response) => response.end(), 20);
    const port = await begin(server);
    const answer = await exchange(port, 'GET /healthz HTTP/1.1\r\nHost: g');
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    // Nor does a connection that never says anything stay.
    expect(await exchange(port, '')).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  it('closes all its connections', async () => {
    const server = createApiServer(createApi(fixture()));
    const port = await begin(server);
    const { socket, closed, received } = await dial(port);
    socket.write('GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n');
    while (!received().includes('"ok"')) await once(socket, 'data');
    server.closeAllConnections();
    await closed;
  });

  it('survives a client that goes away in the middle of a body', async () => {
    const port = await start();
    const { socket, closed } = await dial(port);
    socket.write(`POST /v1/session-grants HTTP/1.1\r\n${HEAD}${AUTH}Content-Length: 100\r\n\r\n{`);
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    await closed;
    expect(await exchange(port, `GET /healthz HTTP/1.1\r\n${HEAD}\r\n`)).toContain('200 OK');
  });
});

describe('a slow body', () => {
  it('is not waited for', async () => {
    const port = await listen(createApiServer(createApi(fixture()), { bodyTimeoutMs: 10 }));
    const answer = await exchange(
      port,
      `POST /v1/session-grants HTTP/1.1\r\nHost: gw\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{`,
    );
    expect(answer).toContain('HTTP/1.1 408');
    expect(ErrorBodySchema.parse(JSON.parse(answer.split('\r\n\r\n')[1]!)).error.code).toBe(
      'request_timeout',
    );
  });
});

describe('the admin listener', () => {
  let isReady = true;
  const start = (): Promise<number> =>
    listen(
      createAdminServer({
        metricsText: async () => 'gw_tunnels 1\n',
        readiness: async () => ({
          ready: isReady,
          checks: { journal: isReady ? { ok: true } : { ok: false, message: 'The disk is full.' } },
        }),
      }),
    );

  it('shows metrics, life and readiness with its reasons', async () => {
    const base = `http://127.0.0.1:${await start()}`;
    const metrics = await fetch(`${base}/metrics`);
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await metrics.text()).toBe('gw_tunnels 1\n');
    expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: 'ok' });
    isReady = false;
    const ready = await fetch(`${base}/readyz?verbose`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, checks: { journal: { ok: false, message: 'The disk is full.' } } },
    ]);
    const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '13', '']);
  });

  it('has nothing else', async () => {
    const base = `http://127.0.0.1:${await start()}`;
    expect((await fetch(`${base}/v1/whoami`)).status).toBe(404);
    const posted = await fetch(`${base}/metrics`, { method: 'POST', body: 'x'.repeat(1_000_000) });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
