import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbedded,
} from '../../../src/gateway/store/embedded.ts';
import { isAlive, waitForEnd } from '../../../src/gateway/store/processes.ts';
import { startScript } from '../../support/child.ts';
import { tempDir } from '../../support/temp.ts';

const CHILD = resolve(import.meta.dirname, 'child-embedded.ts');
const asRoot = process.getuid?.() === 0;
const onLinux = process.platform === 'linux';
const password = new Secret('p%w /ü');
const running: EmbeddedPostgres[] = [];

/** A folder that PostgreSQL's user can pass through. */
function place(): string {
  const { path } = tempDir('embedded');
  chmodSync(path, 0o711);
  return join(path, 'db');
}

async function start(dataDir: string, options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbedded({ dataDir, password, ...options });
  running.push(server);
  return server;
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url().reveal() });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

describe('an embedded PostgreSQL', () => {
  it('keeps its data, is durable, and listens on loopback only', async () => {
    const dataDir = place();
    const first = await start(dataDir);
    await ask(first, 'create table kept as select 42 as answer');
    expect(await ask(first, "select current_setting('fsync')")).toEqual(['on']);
    expect(
      await ask(
        first,
        "select current_setting('listen_addresses'), current_setting('unix_socket_directories')",
      ),
    ).toEqual(['127.0.0.1', '']);
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    const second = await start(dataDir);
    expect(await ask(second, 'select answer from kept')).toEqual([42]);
  });

  it('does not let anybody in without the password', async () => {
    const server = await start(place(), { durable: false });
    const client = new pg.Client({
      host: server.host,
      port: server.port,
      user: 'postgres',
      password: 'guess',
    });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('leaves no password file behind', async () => {
    const dataDir = place();
    await start(dataDir, { durable: false });
    expect(readdirSync(join(dataDir, '..'))).toEqual(['db']);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('refuses a data folder that was made with another password', async () => {
    const dataDir = place();
    await (await start(dataDir, { durable: false })).stop();
    await expect(start(dataDir, { password: new Secret('other') })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('another password'),
    });
  });

  it('refuses a folder that holds something else', async () => {
    const dataDir = place();
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'letter.txt'), 'mine');
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'configuration' });
    expect(readFileSync(join(dataDir, 'letter.txt'), 'utf8')).toBe('mine');
  });

  it('has one owner at a time', async () => {
    const dataDir = place();
    const server = await start(dataDir, { durable: false });
    await expect(start(dataDir, { durable: false })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(`in use by another gw (process ${process.pid})`),
    });
    expect(await ask(server, 'select 1')).toEqual([1]);
  });

  it('says what is wrong when its port is taken', async () => {
    const stranger = createServer();
    await new Promise<void>((done) => stranger.listen(0, '127.0.0.1', done));
    const { port } = stranger.address() as { port: number };
    await expect(start(place(), { durable: false, port })).rejects.toMatchObject({
      code: 'failed',
      detail: expect.stringContaining(`${port}`),
    });
    stranger.close();
  });

  it('takes files, settings and rules', async () => {
    const dataDir = place();
    const server = await start(dataDir, {
      durable: false,
      superuser: 'the boss',
      files: { 'note.conf': 'x' },
      settings: { work_mem: '7MB' },
      hba: ['host all all 127.0.0.1/32 reject'],
      socketDir: join(dataDir, '..', 'socket'),
    });
    expect(await ask(server, "select current_user, current_setting('work_mem')")).toEqual([
      'the boss',
      '7MB',
    ]);
    expect(statSync(join(dataDir, 'note.conf')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, '..', 'socket')).mode & 0o777).toBe(0o700);
    await ask(server, "create role guest login password 'x'");
    const guest = new pg.Client({
      host: server.host,
      port: server.port,
      user: 'guest',
      password: 'x',
      database: 'postgres',
    });
    await expect(guest.connect()).rejects.toMatchObject({ code: '28000' });
  });
});

describe('an embedded PostgreSQL whose owner was killed', () => {
  const startChild = async (dataDir: string) => {
    const child = startScript(CHILD, [dataDir, password.reveal()]);
    return { child, ...(JSON.parse(await child.line()) as { port: number; pid: number }) };
  };

  it('ends by itself', async () => {
    const { child, pid } = await startChild(place());
    child.process.kill('SIGKILL');
    expect(await waitForEnd(pid, 30_000)).toBe(true);
  });

  it.runIf(onLinux)('is stopped by the next start when even the watchdog was killed', async () => {
    const dataDir = place();
    const { child, pid } = await startChild(dataDir);
    for (const watchdog of watchdogsOf(pid)) process.kill(watchdog, 'SIGKILL');
    child.process.kill('SIGKILL');
    await child.ended;
    expect(isAlive(pid)).toBe(true);
    const server = await start(dataDir);
    expect(isAlive(pid)).toBe(false);
    expect(await ask(server, 'select 1')).toEqual([1]);
  });

  it.runIf(onLinux)('starts although its old process number now belongs to another process', async () => {
    const dataDir = place();
    await (await start(dataDir, { durable: false })).stop();
    writeFileSync(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n`);
    if (asRoot) {
      const { uid, gid } = statSync(dataDir);
      chownSync(join(dataDir, 'postmaster.pid'), uid, gid);
    }
    expect(await ask(await start(dataDir, { durable: false }), 'select 1')).toEqual([1]);
  });
});

describe.runIf(asRoot)('as root', () => {
  it('runs the server as somebody else', async () => {
    const server = await start(place(), { durable: false });
    expect(statSync(`/proc/${server.pid}`).uid).not.toBe(0);
    const groups = /^Groups:(.*)$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]?.trim();
    expect(groups).toBe('');
  });

  it('says which folder the server cannot enter', async () => {
    const { path } = tempDir('closed');
    await expect(start(join(path, 'db'))).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(path),
    });
  });

  it('works for an ordinary user too, and for root afterwards in the same folder', async () => {
    const { path } = tempDir('ordinary');
    const nobody = { uid: 65_534, gid: 65_534 };
    chownSync(path, nobody.uid, nobody.gid);
    chmodSync(path, 0o711);
    const dataDir = join(path, 'db');
    const env = { PATH: process.env.PATH, TMPDIR: path };
    const child = startScript(CHILD, [dataDir, password.reveal()], { ...nobody, env });
    expect(JSON.parse(await child.line())).toMatchObject({ uid: nobody.uid });
    expect(statSync(dataDir).uid).toBe(nobody.uid);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe(0);
    const server = await start(dataDir);
    expect(statSync(`/proc/${server.pid}`).uid).toBe(nobody.uid);
  });
});

/** Shells whose first argument is the server's number. */
function watchdogsOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return args[0] === '/bin/sh' && args[3] === String(pid);
      } catch {
        return false;
      }
    })
    .map(Number);
}
