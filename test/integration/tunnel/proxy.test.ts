import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { dialGateway } from '../../../src/cli/tunnel/dial.ts';
import { proxyFor } from '../../../src/cli/tunnel/proxy.ts';
import { makeCerts, type TestCerts } from '../../support/certs.ts';

/** The way to the gateway's port: TLS, proxies, and words for each thing that can fail. */

let certs: TestCerts;
let target: Server | ReturnType<typeof createTls>;
let url: URL;
let proxy: Server;
/** Head lines of CONNECT requests, and their credentials. */
let asked: string[];
let answer: number;
const open: Socket[] = [];

beforeAll(async () => {
  certs = await makeCerts();
  const options = { ...certs, ALPNProtocols: ['h2'] };
  target = createTls(options, (socket) => socket.on('error', () => {}).pipe(socket)).on(
    'tlsClientError',
    () => {},
  );
  url = new URL(`https://localhost:${await listen(target)}`);
});
afterAll(() => void target.close());
beforeEach(() => {
  asked = [];
  answer = 200;
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy'])
    vi.stubEnv(name, '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const socket of open.splice(0)) socket.destroy();
  proxy?.close();
});

async function listen(server: {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
}): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

async function startProxy(isTls = false): Promise<number> {
  proxy = isTls ? createTlsServer({ ...certs }) : createServer();
  proxy.on('connect', (request, socket, head) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    if (answer !== 200) return void socket.end(`HTTP/1.1 ${answer} No\r\n\r\n`);
    const [host, port] = request.url!.split(':');
    const upstream = connect(Number(port), host);
    open.push(socket as Socket, upstream);
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  return listen(proxy);
}

const dial = async (more: { timeoutMs?: number; url?: URL; ca?: string } = {}): Promise<TLSSocket> => {
  const socket = await dialGateway({ url, ca: certs.ca, ...more });
  open.push(socket);
  return socket;
};

async function echo(socket: TLSSocket): Promise<string> {
  socket.write('hello');
  return await new Promise((done) => socket.once('data', (data) => done(String(data))));
}

describe('directly', () => {
  it('connects with TLS 1.2 or newer and h2', async () => {
    const socket = await dial();
    expect(socket.alpnProtocol).toBe('h2');
    expect(await echo(socket)).toBe('hello');
  });

  it('compares the certificate with the name, also where it is an address', async () => {
    await expect(dial({ url: new URL(`https://127.0.0.1:${url.port}`) })).resolves.toBeDefined();
    const other = new URL(`https://localhost.localdomain:${url.port}`);
    await expect(dial({ url: other })).rejects.toMatchObject({ code: 'gateway_unreachable' });
  });

  it('does not trust an unknown authority, and says how to', async () => {
    const { ca } = await makeCerts();
    await expect(dial({ ca })).rejects.toMatchObject({
      detail: expect.stringContaining('not signed by an authority'),
      hint: expect.stringContaining('--ca'),
    });
  });

  it('tells a server that is no gateway', async () => {
    const server = createTls({ ...certs });
    const port = await listen(server);
    await expect(dial({ url: new URL(`https://localhost:${port}`) })).rejects.toMatchObject({
      code: 'gateway_unreachable',
      message: expect.stringContaining('does not offer a tunnel'),
    });
    server.close();
  });

  it.each([
    ['https://127.0.0.1:1', 'refused'],
    ['https://no-such-host.invalid', /resolved|name server/],
  ])('says what is wrong with %s', async (text, detail) => {
    await expect(dial({ url: new URL(text) })).rejects.toMatchObject({
      code: 'gateway_unreachable',
      detail: typeof detail === 'string' ? expect.stringContaining(detail) : expect.stringMatching(detail),
      hint: expect.stringContaining('gw doctor'),
    });
  });

  it('does not wait for ever for a server that says nothing', async () => {
    const silent = createTcpServer((socket) => void open.push(socket));
    const port = await listen(silent);
    await expect(dial({ url: new URL(`https://localhost:${port}`), timeoutMs: 100 })).rejects.toMatchObject({
      detail: expect.stringContaining('in time'),
    });
    silent.close();
  });

  it('gives up when told to', async () => {
    const silent = createTcpServer((socket) => void open.push(socket));
    const port = await listen(silent);
    const abort = new AbortController();
    const dialling = dialGateway({ url: new URL(`https://localhost:${port}`), ca: certs.ca }, abort.signal);
    abort.abort(new Error('enough'));
    await expect(dialling).rejects.toThrow('enough');
    silent.close();
  });
});

describe.each([false, true])('through a proxy (TLS: %s)', (isTls) => {
  const use = async (credentials = ''): Promise<void> => {
    const port = await startProxy(isTls);
    vi.stubEnv('HTTPS_PROXY', `${isTls ? 'https' : 'http'}://${credentials}localhost:${port}`);
  };

  it('connects, with credentials', async () => {
    await use('user:p%40ss@');
    expect(await echo(await dial())).toBe('hello');
    expect(asked).toEqual([`localhost:${url.port} Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
  });

  it('stays connected when the time for dialling is over', async () => {
    await use();
    const socket = await dial({ timeoutMs: 400 });
    await new Promise((done) => setTimeout(done, 500));
    expect(await echo(socket)).toBe('hello');
  });

  it.each([
    [407, 'HTTPS_PROXY'],
    [403, 'NO_PROXY'],
  ])('says what to do when it answers %i, without the credentials', async (status, hint) => {
    await use('user:secret@');
    answer = status;
    const error = await dial().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'gateway_unreachable', hint: expect.stringContaining(hint) });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });
});

describe('the environment', () => {
  it.each([
    ['', '', undefined],
    ['http://proxy:3128', '', 'http://proxy:3128/'],
    ['proxy:3128', '', 'https://proxy:3128/'],
    ['http://proxy:3128', 'example.com', undefined],
    ['http://proxy:3128', '.example.com', undefined],
    ['http://proxy:3128', 'gw.example.com:8443', undefined],
    ['http://proxy:3128', 'gw.example.com:443', 'http://proxy:3128/'],
    ['http://proxy:3128', '*', undefined],
  ])('HTTPS_PROXY=%j NO_PROXY=%j', (variable, exempt, expected) => {
    vi.stubEnv('HTTPS_PROXY', variable);
    vi.stubEnv('NO_PROXY', exempt === 'example.com' ? 'gw.example.com' : exempt);
    expect(proxyFor(new URL('https://gw.example.com:8443'))?.href).toBe(expected);
  });

  it.each(['socks5://proxy:1080', 'http://', 'http://user:secret@:80'])(
    'refuses %s without repeating it',
    (variable) => {
      vi.stubEnv('HTTPS_PROXY', variable);
      const call = (): unknown => proxyFor(new URL('https://gw.example.com'));
      expect(call).toThrow('cannot be used');
      expect(call).not.toThrow('secret');
    },
  );

  it('is told when the proxy itself is not there', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://user:secret@127.0.0.1:1');
    const error = await dial().catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining('through the proxy http://127.0.0.1:1') });
  });
});
