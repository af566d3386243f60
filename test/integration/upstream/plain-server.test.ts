import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UpstreamRefused } from '../../../src/core/upstream-refused.ts';
import type { TlsMode, UpstreamTarget } from '../../../src/gateway/upstream/types.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { openSession, rejection, STARTUP, upstream } from './session.ts';

/** A small PostgreSQL without TLS: few connections, and it goes away. */
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres({
    hba: ['host all gw all scram-sha-256'],
    setup: `create role gw login password 'pencil'`,
    settings: { max_connections: '4', superuser_reserved_connections: '2', max_wal_senders: '0' },
  });
});
afterAll(() => server?.stop());

const target = (mode: TlsMode, change: Partial<UpstreamTarget> = {}): UpstreamTarget => ({
  name: 'shop',
  host: server.host,
  port: server.port,
  tls: { mode },
  login: { user: 'gw', password: { kind: 'env', name: 'PENCIL' } },
  ...change,
});
const gw = (mode: TlsMode, change?: Partial<UpstreamTarget>) =>
  upstream(target(mode, change), { PENCIL: 'pencil' });

describe('a server without TLS', () => {
  it.each(['disable', 'prefer'] as const)('can be reached with mode %s', async (mode) => {
    await using session = await openSession(gw(mode));
    expect(await session.rows('select current_user')).toEqual([['gw']]);
  });

  it.each(['require', 'verify-ca', 'verify-full'] as const)(
    'cannot be reached with mode %s',
    async (mode) => {
      expect(await rejection(gw(mode).connect(STARTUP))).toMatchObject({
        code: 'database_unreachable',
        message: 'Target "shop" does not offer TLS, which the gateway demands of it.',
      });
    },
  );
});

describe('a server that is full', () => {
  it('says so itself', async () => {
    const by = gw('prefer');
    await using first = await openSession(by);
    await using second = await openSession(by);
    const failure = await rejection(by.connect(STARTUP));
    expect(failure).toBeInstanceOf(UpstreamRefused);
    expect(failure).toMatchObject({ code: 'too_many_sessions', sqlstate: '53300' });
    expect(await Promise.all([first.rows('select 1'), second.rows('select 1')])).toEqual([[['1']], [['1']]]);
  });
});

describe('a server that goes away', () => {
  it('says so to a session it ends', async () => {
    const session = await openSession(gw('prefer'));
    await server.query('select pg_terminate_backend($1)', [session.processId]);
    expect(await rejection(session.rows('select 1'))).toMatchObject({ code: '57P01' });
  });

  it('ends its sessions, and then cannot be reached', async () => {
    const by = gw('prefer');
    const session = await openSession(by);
    const running = rejection(session.rows('select pg_sleep(60)'));
    await expect
      .poll(() => server.query(`select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`))
      .toHaveLength(1);
    await server.stop();
    await running;
    const refused = { code: 'database_unreachable', exit: 7 };
    expect(await rejection(by.connect(STARTUP))).toMatchObject({
      ...refused,
      message: 'Target "shop" cannot be reached: the connection was refused.',
    });
    expect(await rejection(by.cancel(session.processId, session.secret))).toMatchObject(refused);
    expect(await rejection(by.probe('postgres'))).toMatchObject(refused);
    expect(await rejection(gw('disable', { host: server.socketDir }).connect(STARTUP))).toMatchObject({
      ...refused,
      message: 'Target "shop" cannot be reached: its unix socket does not exist.',
    });
    expect(await rejection(gw('disable', { host: 'no-such-host.invalid' }).connect(STARTUP))).toMatchObject(
      refused,
    );
  });
});
