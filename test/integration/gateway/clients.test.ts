import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { gwConnect, type LocalTunnel } from '../../support/gw-connect.ts';

/** Clients that people use, natively and through `gw connect`: each does what it does directly. */
let gw: TestGateway;
let tunnel: LocalTunnel;
let nativeUrl = '';

beforeAll(async () => {
  gw = await startTestGateway();
  tunnel = await gwConnect(gw, 'alice');
  nativeUrl = gw.nativeUrl(await gw.sessionGrant('alice'));
});
afterAll(async () => {
  await tunnel?.stop();
  await gw?.stop();
});

const installed = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const run = promisify(execFile);

describe.each([
  ['natively', () => nativeUrl],
  ['through gw connect', () => tunnel.url],
])('%s', (way, url) => {
  const isNative = way === 'natively';

  describe('node-postgres', () => {
    const withClient = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
      const client = new pg.Client({ connectionString: url() });
      await client.connect();
      try {
        return await work(client);
      } finally {
        await client.end();
      }
    };

    it('simple queries, several in one, errors, notices', () =>
      withClient(async (client) => {
        const results = (await client.query('select 1 as a; select 2 as b')) as unknown as pg.QueryResult[];
        expect(results.map(({ rows }) => rows)).toEqual([[{ a: 1 }], [{ b: 2 }]]);
        const notices: string[] = [];
        client.on('notice', ({ message }) => notices.push(message ?? ''));
        await client.query(`do $$ begin raise notice 'told'; end $$`);
        expect(notices).toEqual(['told']);
        await expect(client.query('select * from nowhere')).rejects.toMatchObject({
          code: '42P01',
          position: '15',
        });
        expect((await client.query('select 3 as c')).rows).toEqual([{ c: 3 }]);
      }));

    it('parameters and prepared statements, many times', () =>
      withClient(async (client) => {
        for (let i = 0; i < 50; i++) {
          const { rows } = await client.query({
            name: 'sum',
            text: 'select $1::int + $2::int as n',
            values: [i, 1],
          });
          expect(rows).toEqual([{ n: i + 1 }]);
        }
        const { rows } = await client.query('select $1::text as t, $2::bytea as b, $3::text as n', [
          'ü✓',
          Buffer.from([0, 255]),
          null,
        ]);
        expect(rows).toEqual([{ t: 'ü✓', b: Buffer.from([0, 255]), n: null }]);
      }));

    it('transactions, and a rollback', () =>
      withClient(async (client) => {
        await client.query('create temp table t (a int)');
        await client.query('begin');
        await client.query('insert into t values (1)');
        await expect(client.query('insert into t values (1/0)')).rejects.toMatchObject({ code: '22012' });
        await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
        await client.query('rollback');
        expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 0 }]);
      }));

    it('a pool of connections', async () => {
      const pool = new pg.Pool({ connectionString: url(), max: 8 });
      const rows = await Promise.all(
        Array.from({ length: 60 }, (_, i) => pool.query('select $1::int as i, pg_sleep(0.005)', [i])),
      );
      expect(rows.map((result) => result.rows[0].i)).toEqual(Array.from({ length: 60 }, (_, i) => i));
      await pool.end();
    });
  });

  describe('postgres.js', () => {
    const withSql = async <T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
      const { hostname, port, pathname, username, password } = new URL(url());
      const sql = postgres({
        host: hostname,
        port: Number(port),
        database: decodeURIComponent(pathname.slice(1)),
        username: decodeURIComponent(username),
        password: decodeURIComponent(password),
        ssl: isNative ? { ca: gw.ca, servername: 'localhost' } : false,
        onnotice: () => {},
        max: 3,
      });
      try {
        return await work(sql);
      } finally {
        await sql.end({ timeout: 5 });
      }
    };

    it('pipelines', () =>
      withSql(async (sql) => {
        const results = await Promise.all(
          Array.from({ length: 300 }, (_, i) => sql`select ${i}::int as i, ${String(i)} as t`),
        );
        expect(results.map(([row]) => row)).toEqual(
          Array.from({ length: 300 }, (_, i) => ({ i, t: String(i) })),
        );
        const mixed = await Promise.allSettled([
          sql`select 1 as a`,
          sql`select nonsense`,
          sql`select 2 as a`,
          sql`select 1/0 as a`,
          sql`select 3 as a`,
        ]);
        expect(mixed.map(({ status }) => status[0]).join('')).toBe('frfrf');
      }));

    it('listens and notifies', () =>
      withSql(async (sql) => {
        const heard: string[] = [];
        const { unlisten } = await sql.listen('news', (payload) => heard.push(payload));
        await sql.notify('news', 'first');
        await sql.notify('news', 'ünd');
        await eventually(() => heard.length === 2);
        expect(heard).toEqual(['first', 'ünd']);
        await unlisten();
      }));

    it('cursors, and a cursor that is left early', () =>
      withSql(async (sql) => {
        let rows = 0;
        await sql`select generate_series(1, 5000)`.cursor(500, (batch) => {
          rows += batch.length;
          return rows >= 2_000 ? sql.CLOSE : undefined;
        });
        expect(rows).toBe(2_000);
        expect(await sql`select 1 as a`).toEqual([{ a: 1 }]);
      }));

    it('copies in and out as streams', () =>
      withSql(async (sql) => {
        await sql.begin(async (tx) => {
          await tx`create temp table c (a int, b text) on commit drop`;
          const lines = Array.from({ length: 20_000 }, (_, i) => `${i}\trow ${i}\n`);
          await pipeline(Readable.from(lines), await tx`copy c from stdin`.writable());
          let out = '';
          for await (const chunk of await tx`copy (select * from c order by a) to stdout`.readable()) {
            out += String(chunk);
          }
          expect(out).toBe(lines.join(''));
        });
      }));

    it('cancels', () =>
      withSql(async (sql) => {
        const sleeping = sql`select pg_sleep(60), 'cancel me'`.execute();
        await eventually(
          async () =>
            (
              await gw.postgres.query(
                `select 1 from pg_stat_activity where query like '%cancel me%' and wait_event = 'PgSleep'`,
              )
            ).length,
        );
        sleeping.cancel();
        await expect(sleeping).rejects.toMatchObject({ code: '57014' });
      }));
  });

  describe.runIf(installed('psql'))('psql', () => {
    const psql = (...args: string[]) =>
      run('psql', [url(), '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args], {
        env: { PATH: process.env.PATH, HOME: gw.folder, PGAPPNAME: 'psql' },
      });

    it('statements, \\d, \\copy both ways, several result sets', async () => {
      expect((await psql('-c', 'select count(*) from customers')).stdout.trim()).toMatch(/^\d+$/);
      expect((await psql('-c', '\\d customers')).stdout).toContain('name|text');
      const file = join(gw.folder, 'copy.tsv');
      const script = join(gw.folder, 'copy.sql');
      writeFileSync(
        script,
        [
          'create temp table c (a int, b text);',
          '\\copy c from stdin',
          '1\tone',
          '2\ttwo',
          '\\.',
          `\\copy c to '${file}'`,
          `select string_agg(b, ',' order by a) from c \\; select 'second';`,
        ].join('\n'),
      );
      expect((await psql('-f', script)).stdout.trim().split('\n').slice(-2)).toEqual(['one,two', 'second']);
    });

    it("an error has the server's own text, position and exit code", async () => {
      const error = await psql('-c', 'select nmae from customers').catch((thrown) => thrown);
      expect(error.code).toBe(1);
      expect(error.stderr).toContain('column "nmae" does not exist');
      expect(error.stderr).toContain('LINE 1');
      expect(error.stderr).toContain('customers.name');
    });

    it('Ctrl-C cancels the statement', async () => {
      const sleep = `select pg_sleep(60), 'interrupt me ${way}'`;
      const args = [url(), '-X', '-A', '-t', '-c', sleep];
      const running = run('psql', args, { env: { PATH: process.env.PATH, HOME: gw.folder } });
      await eventually(
        async () =>
          (
            await gw.postgres.query(
              `select 1 from pg_stat_activity where query = $1 and wait_event = 'PgSleep'`,
              [sleep],
            )
          ).length,
      );
      running.child.kill('SIGINT');
      const { stderr } = await running.catch((thrown) => thrown);
      expect(stderr).toContain('canceling statement due to user request');
    });
  });

  describe.runIf(installed('pgbench'))('pgbench', () => {
    it.each(['simple', 'extended', 'prepared'])('-M %s, several clients', async (mode) => {
      const script = join(gw.folder, `bench-${mode}.sql`);
      writeFileSync(
        script,
        '\\set id random(1, 100)\nselect name from customers where id = :id;\nbegin;\nselect :id + 1;\nend;\n',
      );
      const { stdout } = await run(
        'pgbench',
        ['-n', '-f', script, '-M', mode, '-c', '4', '-t', '25', url()],
        {
          env: { PATH: process.env.PATH, HOME: gw.folder },
        },
      );
      expect(stdout).toContain('number of transactions actually processed: 100/100');
    });
  });
});

describe('the local port of gw connect', () => {
  it("answers an SSLRequest with N: it is this machine's loopback", async () => {
    const { hostname, port } = new URL(tunnel.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
    expect(String(await new Promise((done) => socket.once('data', done)))).toBe('N');
    socket.destroy();
  });

  it('has no password in its connection string', () => {
    expect(new URL(tunnel.url).password).toBe('');
  });
});
