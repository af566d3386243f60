import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { query, terminate } from '../../../src/wire/build-frontend.ts';
import { RawClient } from '../../support/raw-client.ts';
import { type OpenTunnel, openTunnel, type Rig, startRig, until } from './rig.ts';

/** 1 GB, if somebody read it. */
const ENDLESS = `select repeat('x', 1000) from generate_series(1, 1000000)`;

let rig: Rig;
let open: OpenTunnel;

beforeAll(async () => {
  rig = await startRig();
  open = await openTunnel(rig.gateway);
});
afterAll(async () => {
  await open?.close();
  await rig?.stop();
});
beforeEach(() => {
  rig.gateway.script = undefined;
  rig.gateway.streams.length = 0;
});

const sessions = async (): Promise<number> => {
  const [row] = await rig.postgres.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where usename = 'alice'`,
  );
  return row!.n;
};

describe('a tunnel', () => {
  it('carries many sessions over one connection', async () => {
    const clients = await Promise.all(Array.from({ length: 30 }, () => open.client()));
    const answers = await Promise.all(
      clients.map((client, index) => client.query('select $1::int as n, pg_backend_pid() as pid', [index])),
    );
    expect(answers.map(({ rows }) => rows[0].n)).toEqual(clients.map((_, index) => index));
    expect(new Set(answers.map(({ rows }) => rows[0].pid)).size).toBe(30);
    expect(rig.gateway.connections.size).toBe(1);
    expect(open.tunnel.listener.openConnections).toBe(30);
    await Promise.all(clients.map((client) => client.end()));
    await until(() => open.tunnel.listener.openConnections === 0);
    await until(async () => (await sessions()) === 0);
  });

  it('makes a round trip to prove the way', async () => {
    const { openMs, roundTripMs } = await open.tunnel.probe('postgres');
    expect(openMs).toBeGreaterThan(0);
    expect(roundTripMs).toBeGreaterThan(0);
    await expect(open.tunnel.probe('nowhere')).rejects.toMatchObject({ code: 'unknown_database', exit: 9 });
  });

  it('brings large results and large parameters unharmed', async () => {
    const client = await open.client();
    const big = 'ä'.repeat(5_000_000);
    const [row] = (await client.query('select md5($1) as digest, length($1) as n', [big])).rows;
    expect(row).toEqual({ digest: createHash('md5').update(big).digest('hex'), n: 5_000_000 });
    const { rows } = await client.query(
      `select repeat(md5(i::text), 100) as t from generate_series(1, 20000) i`,
    );
    const digest = (n: number): string => createHash('md5').update(String(n)).digest('hex').repeat(100);
    expect(rows).toHaveLength(20_000);
    expect(rows.every(({ t }, index) => t === digest(index + 1))).toBe(true);
    await client.end();
  });

  it('cancels through a way of its own', async () => {
    const client = await RawClient.connect(open.port, [
      ['user', 'alice'],
      ['database', 'postgres'],
    ]);
    const running = open.client();
    const other = await running;
    const sleeping = other.query('select pg_sleep(60)');
    const refused = expect(sleeping).rejects.toMatchObject({ code: '57014' });
    await until(async () => {
      const rows = await rig.postgres.query(
        `select from pg_stat_activity where query = 'select pg_sleep(60)'`,
      );
      return rows.length === 1;
    });
    const { processID, secretKey } = other as unknown as { processID: number; secretKey: number };
    const canceller = new pg.Client({
      host: '127.0.0.1',
      port: open.port,
      user: 'alice',
      database: 'postgres',
    });
    const { connection } = canceller as unknown as {
      connection: {
        connect(port: number, host: string): void;
        cancel(id: number, key: number): void;
        on(e: string, f: () => void): void;
      };
    };
    connection.on('connect', () => connection.cancel(processID, secretKey));
    connection.on('error', () => {});
    connection.connect(open.port, '127.0.0.1');
    await refused;
    await other.end();
    client.send(terminate());
    await until(() => client.closed);
  });

  it('ends the session of a client that was killed in the middle of a result', async () => {
    const client = await RawClient.connect(open.port, [
      ['user', 'alice'],
      ['database', 'postgres'],
    ]);
    client.socket.pause();
    client.send(query(ENDLESS));
    await until(async () => (await sessions()) === 1);
    client.socket.resetAndDestroy();
    await until(async () => (await sessions()) === 0);
    expect(open.tunnel.listener.openConnections).toBe(0);
  });

  it('does not let one slow reader slow the others', async () => {
    const slow = await RawClient.connect(open.port, [
      ['user', 'alice'],
      ['database', 'postgres'],
    ]);
    slow.socket.pause();
    slow.send(query(ENDLESS));
    const quick = await open.client();
    for (let count = 0; count < 50; count++) await quick.query('select 1');
    await quick.end();
    slow.socket.resetAndDestroy();
    await until(() => open.tunnel.listener.openConnections === 0);
  });

  it('answers no to a client that wants TLS', async () => {
    const client = new pg.Client({ host: '127.0.0.1', port: open.port, user: 'alice', ssl: true });
    await expect(client.connect()).rejects.toThrow('does not support SSL');
  });

  it('lets a session survive many turns of doing nothing and much', async () => {
    const client = await open.client();
    await client.query('create temp table t (n int)');
    for (let round = 0; round < 5; round++) {
      await client.query('insert into t select generate_series(1, 20000)');
      await new Promise((done) => setTimeout(done, 5));
    }
    expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 100_000 }]);
    await client.end();
  });
});
