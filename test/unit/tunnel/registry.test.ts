import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { askControl, serveControl } from '../../../src/cli/tunnel/control-socket.ts';
import {
  endTunnel,
  listTunnels,
  registerTunnel,
  type TunnelFolders,
  type TunnelSummary,
} from '../../../src/cli/tunnel/registry.ts';
import { tempDir } from '../../support/temp.ts';

let folders: TunnelFolders;
beforeEach(() => {
  const { path } = tempDir('registry');
  folders = { state: join(path, 'state'), runtime: join(path, 'run') };
});

const summary = (name: string): TunnelSummary => ({
  name,
  target: 'prod-db',
  gateway: 'https://gw',
  pid: process.pid,
  host: '127.0.0.1',
  port: 15_500,
  user: 'alice',
  database: 'shop',
  url: 'postgresql://…',
  started_at: '2026-01-01T00:00:00Z',
  connections: 2,
  state: 'connected',
  log: '/x',
});

describe('the registry', () => {
  it('lists what answers, in folders nobody else can enter', async () => {
    const registered = [];
    for (const name of ['prod-db', 'my tunnel/../x']) {
      registered.push(await registerTunnel(folders, name, [], () => summary(name)));
    }
    expect((await listTunnels(folders)).map(({ summary: one }) => one?.name).sort()).toEqual([
      'my tunnel/../x',
      'prod-db',
    ]);
    for (const folder of [folders.state, join(folders.state, 'tunnels'), join(folders.runtime, 'tunnels')]) {
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    }
    for (const one of registered) await one.remove();
    expect(await listTunnels(folders)).toEqual([]);
    expect(readdirSync(join(folders.runtime, 'tunnels'))).toEqual([]);
  });

  it('refuses a name twice', async () => {
    const first = await registerTunnel(folders, 'prod-db', [], () => summary('prod-db'));
    await expect(registerTunnel(folders, 'prod-db', [], () => summary('prod-db'))).rejects.toThrow(
      'EADDRINUSE',
    );
    expect(await listTunnels(folders)).toHaveLength(1);
    await first.remove();
  });

  it('asks a tunnel to end', async () => {
    const asked: string[] = [];
    const one = await registerTunnel(folders, 'prod-db', [], (request) => {
      asked.push(request);
      return summary('prod-db');
    });
    expect(await endTunnel(folders, 'prod-db', 'drain')).toBe(true);
    expect(await endTunnel(folders, 'prod-db', 'cut')).toBe(true);
    expect(await endTunnel(folders, 'other', 'cut')).toBe(false);
    expect(asked).toEqual(['drain', 'cut']);
    await one.remove();
  });

  it('cleans up after a tunnel that was killed, and lets its name be used again', async () => {
    const passfile = join(folders.state, 'pass-1');
    const script = `
      import { registerTunnel } from ${JSON.stringify(join(import.meta.dirname, '../../../src/cli/tunnel/registry.ts'))};
      await registerTunnel(${JSON.stringify(folders)}, 'prod-db', [${JSON.stringify(passfile)}], () => ({}));
      console.log('up');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((done) => child.stdout.once('data', done));
    writeFileSync(passfile, 'secret');
    // It answers, but not with what we understand.
    expect(await listTunnels(folders)).toEqual([{ name: 'prod-db', summary: undefined }]);
    child.kill('SIGKILL');
    await new Promise((done) => child.once('close', done));
    const again = await registerTunnel(folders, 'other', [], () => summary('other'));
    expect((await listTunnels(folders)).map(({ name }) => name)).toEqual(['other']);
    expect(existsSync(passfile)).toBe(false);
    const reborn = await registerTunnel(folders, 'prod-db', [], () => summary('prod-db'));
    await again.remove();
    await reborn.remove();
  });

  it('replaces a socket file that nobody listens on any more', async () => {
    const first = await registerTunnel(folders, 'prod-db', [], () => summary('prod-db'));
    const [name] = readdirSync(join(folders.runtime, 'tunnels'));
    await first.remove();
    writeFileSync(join(folders.runtime, 'tunnels', name!), '');
    const second = await registerTunnel(folders, 'prod-db', [], () => summary('prod-db'));
    expect(await listTunnels(folders)).toHaveLength(1);
    await second.remove();
  });

  it('passes over files that are not its own', async () => {
    mkdirSync(join(folders.state, 'tunnels'), { recursive: true });
    for (const [name, text] of [
      ['a.json', '{'],
      ['b.json', '{"name":1}'],
      ['c.txt', ''],
    ] as const) {
      writeFileSync(join(folders.state, 'tunnels', name), text);
    }
    expect(await listTunnels(folders)).toEqual([]);
  });
});

describe('the control socket', () => {
  it('closes on a request it does not know, and on an endless one', async () => {
    const path = join(tempDir('control').path, 's');
    const server = await serveControl(path, () => ({}));
    expect((await askControl(path, 'rm -rf' as 'cut')).kind).toBe('silent');
    expect((await askControl(path, 'x'.repeat(100_000) as 'cut')).kind).toBe('silent');
    expect((await askControl(path, 'describe')).kind).toBe('answer');
    await server.close();
    expect((await askControl(path, 'describe')).kind).toBe('gone');
  });

  it('does not trust an answer without end', async () => {
    const path = join(tempDir('control').path, 's');
    const server = createServer((socket) => void socket.on('error', () => {}).write('x'.repeat(100_000)));
    await new Promise<void>((done) => server.listen(path, done));
    expect((await askControl(path, 'describe')).kind).toBe('silent');
    server.close();
  });
});
