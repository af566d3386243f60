import { writeFileSync } from 'node:fs';
import { createServer as createPlain, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import { type AddressInfo, connect, createServer as createTcp, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { unreachableGateway } from '../../../src/cli/auth/api-error.ts';
import { checkWay } from '../../../src/cli/auth/check-network.ts';
import { createHttp } from '../../../src/cli/auth/http.ts';
import { createTrust } from '../../../src/cli/auth/trust.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { createAuthority, type KeyPair } from '../../../src/demo/certificates.ts';
import { tempDir } from '../../support/temp.ts';

const open: (Server | TcpServer)[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    (server as Server).closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: Server | TcpServer): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => (server as TcpServer).listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as AddressInfo).port;
}

const serveTls = (pair: KeyPair, text = 'hello'): Promise<number> =>
  listen(createTls(pair, (_, response) => response.end(text)));

async function httpFor(url: URL, ca?: string, proxy?: URL) {
  const file = join(tempDir('ca').path, 'ca.pem');
  if (ca !== undefined) writeFileSync(file, ca);
  const trust = await createTrust({ gateway: url, caFile: ca === undefined ? undefined : file });
  return createHttp({ trust, proxyFor: () => proxy, clock: systemClock });
}

async function whyNot(url: URL, ca?: string, proxy?: URL): Promise<string | undefined> {
  const http = await httpFor(url, ca, proxy);
  try {
    await http.request(url);
    return undefined;
  } catch (error) {
    return unreachableGateway(error, url, proxy).detail;
  } finally {
    await http.close();
  }
}

describe('reaching a server', () => {
  it('works with its authority in a file', async () => {
    const authority = await createAuthority();
    const port = await serveTls(await authority.issue());
    const url = new URL(`https://127.0.0.1:${port}/`);
    const http = await httpFor(url, authority.cert);
    const answer = await http.request(url);
    expect([answer.status, answer.text]).toEqual([200, 'hello']);
    expect(Math.abs(http.skewMs(url))).toBeLessThan(5_000);
    await http.close();
  });

  it('names the reason when the certificate is at fault', async () => {
    const authority = await createAuthority();
    const day = 86_400_000;
    const other = await authority.issue({ hosts: ['other.example.com'] });
    const old = await authority.issue({
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day),
    });
    const early = await authority.issue({
      notBefore: new Date(Date.now() + day),
      notAfter: new Date(Date.now() + 2 * day),
    });
    const url = async (pair: KeyPair): Promise<URL> => new URL(`https://127.0.0.1:${await serveTls(pair)}/`);
    expect(await whyNot(await url(await authority.issue()))).toContain('not signed by an authority');
    expect(await whyNot(await url(other), authority.cert)).toContain('for another name');
    expect(await whyNot(await url(old), authority.cert)).toContain('has expired');
    expect(await whyNot(await url(early), authority.cert)).toContain('not valid yet');
  });

  it('names the reason when something else is', async () => {
    const plain = await listen(createPlain((_, response) => response.end()));
    const closing = await listen(createTcp((socket) => socket.destroy()));
    expect(await whyNot(new URL('https://127.0.0.1:1/'))).toContain('refused');
    expect(await whyNot(new URL('https://no-such-host.invalid/'))).toMatch(/resolved|name server/);
    expect(await whyNot(new URL(`https://127.0.0.1:${plain}/`))).toContain('does not speak TLS');
    expect(await whyNot(new URL(`http://127.0.0.1:${closing}/`))).toContain('closed before an answer');
  });

  it('tries a GET again, and never a POST', async () => {
    let requests = 0;
    const port = await listen(
      createPlain((request, response) => {
        requests++;
        if (requests < 3) request.socket.destroy();
        else response.end('ok');
      }),
    );
    const http = await httpFor(new URL(`http://127.0.0.1:${port}/`));
    expect((await http.request(new URL(`http://127.0.0.1:${port}/`))).text).toBe('ok');
    requests = 0;
    await expect(
      http.request(new URL(`http://127.0.0.1:${port}/`), { method: 'POST', body: 'x' }),
    ).rejects.toThrow();
    expect(requests).toBe(1);
    await http.close();
  });

  it('stops reading an answer that is too long', async () => {
    const port = await listen(
      createPlain((_, response) => {
        const chunk = Buffer.alloc(1024 * 1024);
        const send = (): void => {
          while (response.write(chunk)) if (response.destroyed) return;
          response.once('drain', send);
        };
        send();
      }),
    );
    expect(LIMITS.cliAnswerBytes).toBeGreaterThan(0);
    expect(await whyNot(new URL(`http://127.0.0.1:${port}/`))).toContain('too long');
  });

  it('gives up when no answer comes in time', async () => {
    const port = await listen(createPlain(() => {}));
    const url = new URL(`http://127.0.0.1:${port}/`);
    const http = await httpFor(url);
    const error = await http.request(url, { timeoutMs: 50 }).catch((thrown: unknown) => thrown);
    expect(unreachableGateway(error, url, undefined).detail).toContain('in time');
    await http.close();
  });
});

describe('through a proxy', () => {
  /** A proxy that knows CONNECT, and tells whom it was asked for. */
  async function startProxy(status = 200) {
    const asked: string[] = [];
    const server = createPlain();
    server.on('connect', (request, client) => {
      asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      if (status !== 200) {
        client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
        return;
      }
      const [host, port] = request.url!.split(':');
      const upstream = connect(Number(port), host!, () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy());
    });
    return { asked, port: await listen(server) };
  }

  it('a request is tunnelled, with the credentials of the proxy URL', async () => {
    const authority = await createAuthority();
    const port = await serveTls(await authority.issue());
    const proxy = await startProxy();
    const url = new URL(`https://127.0.0.1:${port}/`);
    const http = await httpFor(url, authority.cert, new URL(`http://me:secret@127.0.0.1:${proxy.port}`));
    expect((await http.request(url)).text).toBe('hello');
    expect(proxy.asked).toEqual([`127.0.0.1:${port} Basic ${Buffer.from('me:secret').toString('base64')}`]);
    await http.close();
  });

  it('that refuses is named, without its credentials', async () => {
    const proxy = await startProxy(407);
    const url = new URL('https://gw.example.com/');
    const proxyUrl = new URL(`http://me:secret@127.0.0.1:${proxy.port}`);
    const http = await httpFor(url, undefined, proxyUrl);
    const error = unreachableGateway(
      await http.request(url).catch((thrown: unknown) => thrown),
      url,
      proxyUrl,
    );
    expect(error.message).toBe(
      `The gateway gw.example.com cannot be reached through the proxy http://127.0.0.1:${proxy.port}.`,
    );
    expect(error.detail).toContain('proxy');
    expect(JSON.stringify(error)).not.toContain('secret');
    await http.close();
  });
});

describe('the roots', () => {
  const gateway = new URL('https://gw.example.com');
  const other = new URL('https://id.example.com');

  it('are refused when the file is none', async () => {
    const caFile = join(tempDir('ca').path, 'x.pem');
    await expect(createTrust({ gateway, caFile })).rejects.toMatchObject({ code: 'configuration' });
    writeFileSync(caFile, 'no certificate');
    await expect(createTrust({ gateway, caFile })).rejects.toMatchObject({ code: 'configuration' });
  });

  it('are the cheap ones first, and all where those are not enough', async () => {
    const { cert } = await createAuthority();
    const caFile = join(tempDir('ca').path, 'ca.pem');
    writeFileSync(caFile, cert);
    const trust = await createTrust({ gateway, caFile });
    expect([trust.rootsFor(gateway), trust.rootsFor(other)]).toEqual([cert, undefined]);
    expect([trust.widen(other), trust.widen(other)]).toEqual([true, false]);
    expect(trust.rootsFor(other)).toContain(cert.trim());
    expect(trust.rootsFor(other)!.length).toBeGreaterThan(100_000);
    expect(trust.rootsFor(gateway)).toBe(cert);
    expect((await createTrust({ gateway, wide: true })).isWide(gateway)).toBe(true);
  });

  it('of the file count for the identity provider too', async () => {
    const authority = await createAuthority();
    const url = new URL(`https://127.0.0.1:${await serveTls(await authority.issue())}/`);
    const http = await httpFor(gateway, authority.cert);
    expect((await http.request(url)).text).toBe('hello');
    await http.close();
  });
});

describe('the way to a gateway, as the doctor sees it', () => {
  it('is told step by step', async () => {
    const authority = await createAuthority('acme root');
    const port = await serveTls(
      await authority.issue({ notAfter: new Date(Date.now() + 5 * 86_400_000 + 5_400_000) }),
    );
    const url = new URL(`https://127.0.0.1:${port}`);
    const { trust } = await httpFor(url, authority.cert);
    const checks = await checkWay(url, trust, Date.now());
    expect(checks.map(({ name, result }) => [name, result])).toEqual([
      ['name', 'ok'],
      ['connection', 'ok'],
      ['certificate', 'warn'],
    ]);
    expect(checks[2]!.what).toMatch(/acme root.*ends in 5d 1h/);
  });

  it('stops where it fails, with what to do', async () => {
    const { trust } = await httpFor(new URL('https://gw.example.com'));
    const refused = await checkWay(new URL('https://127.0.0.1:1'), trust, Date.now());
    expect(refused.map(({ result }) => result)).toEqual(['ok', 'fail']);
    expect(refused[1]!.fix).toBeTruthy();
    const port = await serveTls(await (await createAuthority()).issue());
    const untrusted = await checkWay(new URL(`https://127.0.0.1:${port}`), trust, Date.now());
    expect(untrusted.at(-1)).toMatchObject({
      name: 'certificate',
      result: 'fail',
      fix: expect.stringContaining('--ca'),
    });
  });
});
