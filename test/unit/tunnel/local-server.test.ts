import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type LocalAddress, type LocalServer, listenLocally } from '../../../src/cli/tunnel/local-server.ts';
import { privateFolder, privateSubfolder } from '../../../src/cli/tunnel/private-folder.ts';
import { tempDir } from '../../support/temp.ts';

/** Containers often have IPv4 only. */
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const open: (Server | LocalServer)[] = [];
afterEach(() => {
  for (const one of open.splice(0)) void one.close();
});

/** Somebody else's port. */
async function taken(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((done) => server.listen(0, host, done));
  return (server.address() as AddressInfo).port;
}

async function listen(address: LocalAddress): Promise<LocalServer> {
  const server = await listenLocally(address, (socket) => socket.on('error', () => {}).destroy());
  open.push(server);
  return server;
}

const reaches = (where: { host: string; port: number } | { path: string }): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(where);
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true)).once('error', () => finish(false));
  });

describe('a local port', () => {
  it('is on both loopback addresses and nowhere else', async () => {
    const { host, port } = await listen({ kind: 'tcp', ports: [0] });
    expect(host).toBe('127.0.0.1');
    expect(await reaches({ host: '127.0.0.1', port })).toBe(true);
    expect(await reaches({ host: '::1', port })).toBe(hasIpv6);
    expect(await reaches({ host: '127.0.0.2', port })).toBe(false);
  });

  it.each(hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])(
    'is the next one when it is taken on %s',
    async (host) => {
      const first = await taken(host);
      const second = await taken();
      const { port } = await listen({ kind: 'tcp', ports: [first, second, 0] });
      expect([first, second]).not.toContain(port);
    },
  );

  it('fails when it was asked for and is taken', async () => {
    const port = await taken();
    await expect(listen({ kind: 'tcp', ports: [port] })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining('--port'),
    });
  });

  it('is free again once closed', async () => {
    const server = await listen({ kind: 'tcp', ports: [0] });
    await server.close();
    expect(await reaches({ host: '127.0.0.1', port: server.port })).toBe(false);
  });
});

describe.runIf(process.platform !== 'win32')('a unix socket', () => {
  it('has the name that libpq looks for, and goes away', async () => {
    const folder = tempDir('sock').path;
    const server = await listen({ kind: 'unix', folder, port: 5432 });
    expect(server).toMatchObject({ host: folder, port: 5432, path: join(folder, '.s.PGSQL.5432') });
    expect(await reaches({ path: server.path! })).toBe(true);
    await server.close();
    expect(existsSync(server.path!)).toBe(false);
  });

  it('takes the place of one that a killed process left, but not of one that answers', async () => {
    const folder = tempDir('sock').path;
    writeFileSync(join(folder, '.s.PGSQL.5432'), '');
    await listen({ kind: 'unix', folder, port: 5432 });
    await expect(listen({ kind: 'unix', folder, port: 5432 })).rejects.toMatchObject({ code: 'usage' });
    expect(await reaches({ path: join(folder, '.s.PGSQL.5432') })).toBe(true);
  });

  it('says so when its path is too long for the system', async () => {
    const folder = join(tempDir('sock').path, 'x'.repeat(90));
    mkdirSync(folder);
    await expect(listen({ kind: 'unix', folder, port: 5432 })).rejects.toMatchObject({
      code: 'configuration',
    });
  });
});

describe.runIf(process.platform !== 'win32')('a private folder', () => {
  it('is made, with those above it', async () => {
    const folder = await privateFolder(join(tempDir('private').path, 'a', 'b'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });
  it('is mended where it is ours, and refused where the user named it', async () => {
    const folder = join(tempDir('private').path, 'a');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    await expect(privateFolder(folder, 'given')).rejects.toMatchObject({ code: 'configuration' });
    expect(statSync(folder).mode & 0o777).toBe(0o755);
    await privateSubfolder(folder, 'b');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });
  it('is refused when it is no folder, or of somebody else', async () => {
    const file = join(tempDir('private').path, 'file');
    writeFileSync(file, '');
    await expect(privateFolder(file)).rejects.toThrow();
    if (process.getuid?.() !== 0)
      await expect(privateFolder('/usr')).rejects.toMatchObject({ code: 'configuration' });
  });
});
