import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { tokensFor } from '../support/idp.ts';
import { tempDir } from '../support/temp.ts';
import { GW, gw, gwJson, gwOnTerminal, type Home, newHome, startGw } from './support/cli.ts';

/** connect, psql, query and tunnels as people and scripts use them: real gateway, real database, child processes. */
let rig: TestGateway;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  rig = await startTestGateway();
  const { access_token } = await tokensFor(rig.idp, 'alice');
  env = { GW_GATEWAY: rig.url, GW_CA: rig.caFile, GW_TOKEN: access_token };
});
afterAll(() => rig?.stop());

const home = (extra: NodeJS.ProcessEnv = {}): Home =>
  newHome({ ...env, XDG_RUNTIME_DIR: tempDir('run').path, ...extra });
const run = promisify(execFile);
const NODE = process.execPath;
/** A program that connects as applications do, prints one value and ends. */
const CLIENT = `
  const pg = require(${JSON.stringify(join(import.meta.dirname, '../../node_modules/pg'))});
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
  client.connect().then(() => client.query(process.argv[1])).then(({ rows }) => {
    console.log(JSON.stringify(rows)); return client.end();
  });`;
const hasPsql = (() => {
  try {
    execFileSync('psql', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('gw connect TARGET -- CMD', () => {
  it('runs the command with the database in its environment, and leaves nothing behind', async () => {
    const { env: own, path } = home();
    const args = [
      'connect',
      'prod-db',
      '--',
      NODE,
      '-e',
      CLIENT,
      'select count(*)::int as n from shop.customers',
    ];
    const { code, stdout, stderr } = await gw(args, own);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toEqual([{ n: expect.any(Number) }]);
    expect(filesIn(path).filter((file) => /pass-|\.sock|\.s\.PGSQL/.test(file))).toEqual([]);
  });

  it('sets the variables of libpq', async () => {
    const script = 'env | grep -E "^(PG|DATABASE_URL)" | sort';
    const { stdout } = await gw(
      ['connect', 'prod-db', '--', 'sh', '-c', script],
      home({ PGSERVICE: 'x' }).env,
    );
    const port = /PGPORT=(\d+)/.exec(stdout)?.[1];
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(
        new RegExp(`^DATABASE_URL=postgresql://.*@127.0.0.1:${port}/shop\\?sslmode=disable$`),
      ),
      'PGDATABASE=shop',
      'PGHOST=127.0.0.1',
      `PGPORT=${port}`,
      'PGSSLMODE=disable',
      expect.stringMatching(/^PGUSER=/),
    ]);
  });

  it('hands on stdin, and the exit code', async () => {
    const running = spawn(NODE, [GW, 'connect', 'prod-db', '-q', '--', 'sh', '-c', 'cat; exit 42'], {
      env: home().env,
    });
    let out = '';
    running.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    running.stdin.end('through');
    const code = await new Promise((done) => running.once('close', done));
    expect([code, out]).toEqual([42, 'through']);
  });

  it.each([
    [['sh', '-c', 'kill -TERM $$'], 143],
    [['/no/such/command'], 127],
    [['/etc/passwd'], 126],
  ])('%j ends with %i, as in a shell', async (command, expected) => {
    expect((await gw(['connect', 'prod-db', '--', ...command], home().env)).code).toBe(expected);
  });

  it('passes signals on, and ends as the command does', async () => {
    const script = 'trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
    const running = startGw(['connect', 'prod-db', '--', 'sh', '-c', script], home().env);
    let out = '';
    running.process.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    await eventually(() => out.includes('ready'), 'the command runs');
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 9, stdout: 'ready\ngot TERM\n' });
  });

  it('lets Ctrl-C reach the command once', async () => {
    const script = 'trap "echo INT" INT; echo ready; sleep 1; sleep 0.3; exit 9';
    const terminal = gwOnTerminal(['connect', 'prod-db', '--', 'sh', '-c', script], home().env);
    await terminal.see(/ready/);
    terminal.write('\x03');
    expect((await terminal.ended).code).toBe(9);
    expect(terminal.raw().match(/INT/g)).toHaveLength(1);
  });

  it('does not start the command before the way is proven', async () => {
    const { env: own, path } = home();
    const file = join(path, 'started');
    const args = ['connect', 'prod-db', '--database', 'nowhere', '--', 'touch', file];
    const { code, stderr } = await gw(args, own);
    expect(code).toBe(9);
    expect(stderr).toContain('nowhere');
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    [['connect', 'prod-db', '--'], 'no command'],
    [['connect', 'prod-db', '--background', '--', 'true'], '--background'],
    [['connect', 'prod-db', '--print', 'env', '--', 'true'], '--print'],
    [['connect', 'prod-db', '--port', '70000'], 'not a port'],
    [['connect'], 'gw ls'],
  ])('%j is a usage error', async (args, text) => {
    const { code, stderr } = await gw(args, home().env);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe('gw connect', () => {
  it('prints a connection string that works, the same each time; Ctrl-C ends it with 130', async () => {
    const own = home();
    const urls: string[] = [];
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const running = startGw(['connect', 'prod-db'], own.env);
      await running.onStderr(/Ctrl-C stops it/);
      const url = await running.onStderr(/psql "(.*)"/);
      expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
      running.process.kill(signal);
      const { code, stdout } = await running.ended;
      expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
      expect(stdout).toBe(`${url}\n`);
      urls.push(url);
    }
    expect(urls[0]).toBe(urls[1]);
  });

  it('drains on the first Ctrl-C and cuts on the second', async () => {
    const running = startGw(['connect', 'prod-db', '--port', '0'], home().env);
    const url = await running.onStderr(/psql "(.*)"/);
    const client = new pg.Client({ connectionString: url });
    const lost = new Promise<Error>((done) => client.on('error', done));
    await client.connect();
    running.process.kill('SIGINT');
    await running.onStderr(/Waiting for 1 connection/);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await expect(ask(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
    running.process.kill('SIGINT');
    expect(await lost).toMatchObject({ code: '57P01' });
    expect((await running.ended).code).toBe(130);
  });

  it('shows on a terminal how many connections are open', async () => {
    const terminal = gwOnTerminal(['connect', 'prod-db', '--port', '0'], home().env);
    const url = await terminal.see(/(postgresql:\S+)/);
    await terminal.see(/prod-db on 127\.0\.0\.1:\d+: 0 connections open/);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await terminal.see(/: 1 connection open/);
    await client.end();
    await terminal.see(/1 connection open[\s\S]*0 connections open/);
    terminal.write('\x03');
    expect((await terminal.ended).code).toBe(130);
  });

  it.each([
    ['env', (out: string) => out.includes("export PGHOST='127.0.0.1'")],
    ['service', (out: string) => out.startsWith('[prod-db]\nhost=127.0.0.1\n')],
    ['json', (out: string) => JSON.parse(out).round_trip_ms > 0 && JSON.parse(out).database === 'shop'],
  ])('prints %s', async (format, isRight) => {
    const running = startGw(['connect', 'prod-db', '--port', '0', '--print', format], home().env);
    await running.onStderr(/Ctrl-C stops it/);
    running.process.kill('SIGINT');
    expect((await running.ended).stdout).toSatisfy(isRight);
  });

  it('listens on a unix socket that nobody else can reach', async () => {
    const own = home();
    const running = startGw(['connect', 'prod-db', '--socket'], own.env);
    const url = await running.onStderr(/psql "(.*)"/);
    const folder = new URL(url.replace('postgresql:', 'http:').replace('@/', '@x/')).searchParams.get(
      'host',
    )!;
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const client = new pg.Client({ host: folder, port: 5432, user: 'x', database: 'shop' });
    await client.connect();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    running.process.kill('SIGINT');
    await running.ended;
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not listen in a folder others can enter, and leaves it as it is', async () => {
    const { env: own, path } = home();
    const { code, stderr } = await gw(['connect', 'prod-db', '--socket', '/tmp'], own);
    expect([code, stderr]).toEqual([3, expect.stringContaining('/tmp')]);
    expect(statSync('/tmp').mode & 0o7777).toBe(0o1777);
    expect(filesIn(path).filter((file) => file.includes('PGSQL'))).toEqual([]);
  });

  it('asks for a password where it is told to, and takes its file away', async () => {
    const own = home();
    const running = startGw(['connect', 'prod-db', '--port', '0', '--password', '--print', 'json'], own.env);
    await running.onStderr(/Ctrl-C stops it/);
    const url = await running.onStderr(/psql "(.*)"/);
    const passfile = new URL(url).searchParams.get('passfile')!;
    expect(statSync(passfile).mode & 0o777).toBe(0o600);
    const password = readFileSync(passfile, 'utf8').split('\n')[0]!.split(':')[4]!;
    const port = Number(new URL(url).port);
    const login = { host: '127.0.0.1', port, user: 'x', database: 'shop' };
    await expect(new pg.Client({ ...login, password: 'guess' }).connect()).rejects.toMatchObject({
      code: '28P01',
    });
    const client = new pg.Client({ ...login, password });
    await client.connect();
    await client.end();
    running.process.kill('SIGINT');
    const { stdout } = await running.ended;
    expect(stdout).not.toContain(password);
    expect(existsSync(passfile)).toBe(false);
  });

  it.runIf(process.getuid?.() === 0)("turns another user's connection away", async () => {
    const running = startGw(['connect', 'prod-db', '--port', '0'], home().env);
    const port = Number(new URL(await running.onStderr(/psql "(.*)"/)).port);
    const script = `
      const socket = require('node:net').connect(${port}, '127.0.0.1');
      socket.on('data', (data) => process.stdout.write(data)).on('error', () => {});
      socket.write(Buffer.from('000000200003000075736572007800646174616261736500', 'hex'));`;
    const stranger = spawn(NODE, ['-e', script], { uid: 65_534, gid: 65_534, cwd: '/' });
    let said = '';
    stranger.stdout.on('data', (chunk) => {
      said += String(chunk);
    });
    await new Promise((done) => stranger.once('close', done));
    expect(said).toContain('belongs to another user');
    await running.onStderr(/connection of another user of this machine was refused/);
    running.process.kill('SIGINT');
    await running.ended;
  });

  it('says what to do when nobody is signed in, the target is unknown, or the gateway is away', async () => {
    const signedOut = newHome({ GW_GATEWAY: rig.url, GW_CA: rig.caFile });
    const nobody = await gw(['connect', 'prod-db'], signedOut.env);
    expect([nobody.code, nobody.stderr]).toEqual([4, expect.stringContaining('gw login')]);
    const unknown = await gw(['connect', 'nonsense'], home().env);
    expect(unknown.code).toBe(9);
    const away = await gw(['connect', 'prod-db', '--gateway', 'https://127.0.0.1:1'], home().env);
    expect(away.code).toBe(6);
  });
});

describe('gw connect --background', () => {
  it('returns when it is ready, is listed, is found again, and stops', async () => {
    const own = home();
    const first = await gw(['connect', 'prod-db', '--background'], own.env);
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    const url = first.stdout.trim();
    expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }]);
    const [listed] = await gwJson<Record<string, unknown>[]>(['tunnels', 'ls'], own.env);
    expect(listed).toMatchObject({
      name: 'prod-db',
      target: 'prod-db',
      url,
      state: 'connected',
      connections: 0,
    });

    const again = await gw(['connect', 'prod-db', '--background'], own.env);
    expect(again).toMatchObject({ code: 0, stdout: first.stdout });
    expect((await gw(['connect', 'prod-db', '-b', '--port', '1'], own.env)).code).toBe(2);

    const stopped = await gw(['tunnels', 'stop', 'prod-db'], own.env);
    expect(stopped.code).toBe(0);
    await expect(ask(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
    expect(await gwJson(['tunnels'], own.env)).toEqual([]);
    expect((await gw(['tunnels', 'stop', 'prod-db'], own.env)).code).toBe(9);
    await eventually(() => !isAlive(listed!.pid as number), 'the process is gone');
  });

  it('cuts connections that do not end in time, and forgets a tunnel that was killed', async () => {
    const own = home();
    for (const name of ['one', 'two']) {
      expect((await gw(['connect', 'prod-db', '-b', '--port', '0', '--name', name], own.env)).code).toBe(0);
    }
    const [one, two] = await gwJson<{ name: string; url: string; pid: number }[]>(['tunnels'], own.env);
    const client = new pg.Client({ connectionString: one!.url });
    const lost = new Promise<Error>((done) => client.on('error', done));
    await client.connect();
    expect((await gw(['tunnels', 'stop', 'one', '--wait', '100ms'], own.env)).code).toBe(0);
    expect(await lost).toMatchObject({ code: '57P01' });
    process.kill(two!.pid, 'SIGKILL');
    await eventually(
      async () => (await gwJson<unknown[]>(['tunnels'], own.env)).length === 0,
      'it is forgotten',
    );
    expect((await gw(['tunnels', 'stop', '--all'], own.env)).code).toBe(0);
  });

  it('tells why it could not start', async () => {
    const own = home();
    const { code, stdout, stderr } = await gw(['connect', 'nonsense', '--background'], own.env);
    expect([code, stdout]).toEqual([9, '']);
    expect(stderr).toContain('nonsense');
    expect(await gwJson(['tunnels'], own.env)).toEqual([]);
  });
});

describe('gw query', () => {
  it('prints a table, JSON and CSV', async () => {
    const sql = `select 1 as id, 'Ann' as name, null as gone`;
    expect((await gw(['query', 'prod-db', sql], home().env)).stdout).toBe(
      ' id | name | gone\n----+------+------\n  1 | Ann  | NULL\n',
    );
    expect(await gwJson(['query', 'prod-db', sql], home().env)).toEqual([{ id: 1, name: 'Ann', gone: null }]);
    expect((await gw(['query', 'prod-db', '--csv', sql], home().env)).stdout).toBe('id,name,gone\n1,Ann,\n');
  });

  it('runs files, stdin, and several statements as one transaction', async () => {
    const { env: own, path } = home();
    const file = join(path, 'report.sql');
    writeFileSync(file, 'create temp table t (n int); insert into t values (1), (2); select * from t;');
    const { stdout, stderr } = await gw(['query', 'prod-db', '--csv', '--file', file], own);
    expect(stdout).toBe('n\n1\n2\n');
    expect(stderr).toContain('CREATE TABLE\nINSERT 0 2\n(2 rows)');
    const running = spawn(NODE, [GW, 'query', 'prod-db', '--csv', '-'], { env: own });
    running.stdin.end('select 7 as n');
    let out = '';
    running.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    await new Promise((done) => running.once('close', done));
    expect(out).toBe('n\n7\n');
  });

  it('shows errors with SQLSTATE and place; notices on stderr', async () => {
    const wrong = await gw(['query', 'prod-db', 'select 1;\nselect oops'], home().env);
    expect(wrong).toMatchObject({ code: 1, stdout: ' ?column?\n----------\n        1\n' });
    expect(wrong.stderr).toContain(
      'ERROR 42703: column "oops" does not exist\n  LINE 2: select oops\n                 ^',
    );
    const json = await gw(['query', 'prod-db', '--json', 'select * from shop.nowhere'], home().env);
    expect(json).toMatchObject({ code: 1, stdout: '[]\n' });
    expect(JSON.parse(json.stderr).error).toMatchObject({ message: expect.stringContaining('42P01') });
    const notice = await gw(['query', 'prod-db', `do $$ begin raise notice 'hello'; end $$`], home().env);
    expect(notice).toMatchObject({ code: 0, stdout: '' });
    expect(notice.stderr).toContain('NOTICE: hello');
    const copy = await gw(['query', 'prod-db', 'create temp table t (n int); copy t from stdin'], home().env);
    expect([copy.code, copy.stderr]).toEqual([1, expect.stringContaining('gw psql')]);
    const out = await gw(['query', 'prod-db', 'copy (select 1, 2) to stdout'], home().env);
    expect(out).toMatchObject({ code: 0, stdout: '1\t2\n' });
  });

  it('stops at its time limit, and at Ctrl-C', async () => {
    const late = await gw(['query', 'prod-db', '--timeout', '200ms', 'select pg_sleep(60)'], home().env);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('longer than 200ms')]);
    const sleeping = async (): Promise<number> =>
      (
        await rig.postgres.query(
          `select from pg_stat_activity where query = 'select pg_sleep(61)' and state = 'active'`,
        )
      ).length;
    const running = startGw(['query', 'prod-db', 'select pg_sleep(61)'], home().env);
    await eventually(async () => (await sleeping()) === 1, 'it runs');
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Cancelled') });
    expect(await sleeping()).toBe(0);
  });

  it('streams: a long result needs no long memory, and a reader may leave', async () => {
    const sql = `select i, repeat('x', 200) from generate_series(1, 300000) i`;
    const script = `'${NODE}' --max-old-space-size=64 '${GW}' query prod-db -q --csv "${sql}"`;
    const shell = async (tail: string): Promise<string> =>
      (await run('sh', ['-c', `${script} | ${tail}`], { env: home().env })).stdout;
    expect((await shell('wc -l')).trim()).toBe('300001');
    expect(await shell('head -2 | tail -1')).toMatch(/^1,x+\n$/);
  });
});

describe.runIf(hasPsql)('gw psql', () => {
  it('runs psql, hands on its words and its exit code', async () => {
    const { code, stdout, stderr } = await gw(['psql', 'prod-db', '--', '-Atc', 'select 1'], home().env);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: '1\n' });
    expect((await gw(['psql', 'prod-db', '--', '-v', 'ON_ERROR_STOP=1', '-c', 'x'], home().env)).code).toBe(
      1,
    );
  });
});

it('gw psql says how to do without psql', async () => {
  const { code, stderr } = await gw(['psql', 'prod-db'], home({ PATH: '/nowhere' }).env);
  expect(code).toBe(127);
  expect(stderr).toContain('gw query prod-db');
});

it('gw token prints a password for direct connections, and nothing else on stdout', async () => {
  const { stdout, stderr } = await gw(['token', 'prod-db'], home().env);
  expect(stdout).toMatch(/^\S+\n$/);
  expect(stderr).toContain('sslmode=verify-full');
  expect(stderr).not.toContain(stdout.trim());
  const told = await gwJson<{ token: string; host: string; port: number; user: string }>(
    ['token', 'prod-db'],
    home().env,
  );
  const client = new pg.Client({
    host: told.host,
    port: told.port,
    user: told.user,
    password: told.token,
    database: 'prod-db',
    ssl: { ca: rig.ca },
  });
  await client.connect();
  expect((await client.query('select current_database() as db')).rows).toEqual([{ db: 'shop' }]);
  await client.end();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' });
