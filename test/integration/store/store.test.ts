import { randomUUID } from 'node:crypto';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { openDatabase } from '../../../src/gateway/store/database.ts';
import { MIGRATIONS, migrate } from '../../../src/gateway/store/migrations.ts';
import { openStore, type Store } from '../../../src/gateway/store/store.ts';
import { makeCerts, type TestCerts, writeCerts } from '../../support/certs.ts';
import { startScript } from '../../support/child.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { tempDir } from '../../support/temp.ts';

const CHILD = resolve(import.meta.dirname, 'child-store.ts');
let server: TestPostgres;
let certs: TestCerts;
let url: Secret;
let made = 0;

const generateSigningKey = async () => ({
  kid: randomUUID(),
  algorithm: 'ES256',
  privateKeyPem: `pem ${++made}`,
});
const open = (at: Secret = url): Promise<Store> => openStore({ at: { url: at }, generateSigningKey });

async function withStore<Result>(work: (store: Store) => Promise<Result>): Promise<Result> {
  const store = await open();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

beforeAll(async () => {
  certs = await makeCerts();
  server = await startPostgres({ tls: certs });
});
afterAll(() => server.stop());
beforeEach(async () => {
  const name = `control_${randomUUID().slice(0, 8)}`;
  await server.query(`create database ${name}`);
  url = new Secret(server.url(name));
});

const ask = async (sql: string) => server.query(sql, [], new URL(url.reveal()).pathname.slice(1));

describe('migrations', () => {
  it('run once although three gateways start at once, and they agree on one signing key', async () => {
    const children = [1, 2, 3].map(() => startScript(CHILD, [url.reveal()]));
    const kids = await Promise.all(children.map((child) => child.line()));
    expect(await Promise.all(children.map((child) => child.ended))).toEqual([0, 0, 0]);
    expect(new Set(kids).size).toBe(1);
    expect(await ask('select kid from gw.signing_keys')).toEqual([{ kid: kids[0] }]);
    expect(await ask('select count(*)::int as count from gw.migrations')).toEqual([
      { count: MIGRATIONS.length },
    ]);
  });

  it('run together or not at all, and go on from where an older gw was', async () => {
    const db = openDatabase(url);
    const next = { number: MIGRATIONS.length + 1, name: 'next', sql: 'create table gw.next (a int)' };
    const wrong = { number: next.number + 1, name: 'wrong', sql: 'create table gw.wrong (a nonsense)' };
    try {
      await migrate(db);
      await expect(migrate(db, [...MIGRATIONS, next, wrong])).rejects.toMatchObject({ code: 'failed' });
      expect(await ask("select to_regclass('gw.next') as t")).toEqual([{ t: null }]);
      await migrate(db, [...MIGRATIONS, next]);
      expect(await ask("select to_regclass('gw.next')::text as t")).toEqual([{ t: 'gw.next' }]);
    } finally {
      await db.close();
    }
  });

  it('refuse a database of a newer gw', async () => {
    await withStore(async () => undefined);
    await ask("insert into gw.migrations values (99, 'from the future', 'x', '9.1.0')");
    await expect(open()).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('newer gw (9.1.0)'),
      hint: expect.stringContaining('Install gw 9.1.0'),
    });
  });

  it('refuse a migration that is not the one that was applied', async () => {
    await withStore(async () => undefined);
    await ask("update gw.migrations set checksum = 'x' where number = 1");
    await expect(open()).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('Migration 1'),
    });
  });
});

describe('signing keys', () => {
  it('are made once by many who ask at once', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const before = made;
    const all = await Promise.all(
      [...stores, ...stores, ...stores].map((store) => store.signingKeys.usable()),
    );
    expect(new Set(all.map(([current]) => current.kid)).size).toBe(1);
    expect(made).toBe(before + 1);
    expect(all[0]![0].privateKeyPem.reveal()).toBe(`pem ${made}`);
    expect(inspect(all[0]!)).not.toContain(`pem ${made}`);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('are replaced by age; the old one verifies for a while, then is forgotten', async () => {
    await withStore(async ({ signingKeys }) => {
      const [first] = await signingKeys.usable();
      await ask("update gw.signing_keys set created_at = now() - interval '31 days'");
      const [second, ...rest] = await signingKeys.usable();
      expect(second.kid).not.toBe(first.kid);
      expect(second.retiredAtMs).toBeUndefined();
      expect(rest.map(({ kid }) => kid)).toEqual([first.kid]);
      expect((await signingKeys.usable()).map(({ kid }) => kid)).toEqual([second.kid, first.kid]);
      expect((await signingKeys.find(first.kid))?.retiredAtMs).toBeTypeOf('number');

      await ask(
        "update gw.signing_keys set retired_at = now() - interval '3 days' where retired_at is not null",
      );
      expect(await signingKeys.find(first.kid)).toBeUndefined();
      expect((await signingKeys.usable()).map(({ kid }) => kid)).toEqual([second.kid]);
    });
  });

  it('are not found by a name that does not exist', async () => {
    await withStore(async ({ signingKeys }) => {
      await signingKeys.usable();
      expect(await signingKeys.find("' or true --")).toBeUndefined();
    });
  });
});

it('knows the gateways that live', async () => {
  await withStore(async (store) => {
    const gateway = { id: 'a', name: 'gw-1', version: '1.0.0' };
    await store.registerGateway(gateway);
    await ask(
      "update gw.gateways set started_at = now() - interval '1 day', last_seen_at = now() - interval '1 minute'",
    );
    expect(await store.gateways(30_000)).toEqual([]);
    await store.heartbeat(gateway);
    const [found] = await store.gateways(30_000);
    expect(found).toMatchObject(gateway);
    expect(found!.lastSeenAtMs - found!.startedAtMs).toBeGreaterThan(86_000_000);
    await store.unregisterGateway('a');
    expect(await store.gateways(30_000)).toEqual([]);
  });
});

it('records session grants to the millisecond', async () => {
  await withStore(async (store) => {
    const identity = { id: 'https://id.example.com|alice', groups: ['engineers'] };
    const times = {
      issuedAtMs: 1_700_000_000_123,
      expiresAtMs: 1_700_000_000_456,
      endsAtMs: 1_700_000_000_789,
    };
    await store.recordSessionGrant({ id: 'g1', identity, target: 'prod-db', gatewayId: 'a', ...times });
    expect(await ask('select identity, target, ends_at from gw.session_grants')).toEqual([
      { identity, target: 'prod-db', ends_at: new Date(times.endsAtMs) },
    ]);
    await expect(
      store.recordSessionGrant({ id: 'g1', identity, target: 'x', gatewayId: 'a', ...times }),
    ).rejects.toMatchObject({ code: 'failed', detail: 'SQLSTATE 23505' });
  });
});

describe('what can be wrong with the control database', () => {
  type Part = 'password' | 'pathname' | 'port' | 'protocol' | 'hostname';
  const change = (parts: Partial<Record<Part, string>>, parameters: Record<string, string> = {}): Secret => {
    const changed = Object.assign(new URL(url.reveal()), parts);
    for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
    return new Secret(changed.href);
  };

  it.each([
    ['a wrong password', { password: 'guess' }, {}, 'configuration', 'refused the login'],
    ['a database that does not exist', { pathname: '/nowhere' }, {}, 'configuration', 'does not exist'],
    ['a port where nobody listens', { port: '1' }, {}, 'database_unreachable', 'cannot be reached'],
    ['another scheme', { protocol: 'mysql:' }, {}, 'configuration', 'postgres://'],
    ['an unknown mode', {}, { sslmode: 'on' }, 'configuration', 'sslmode "on"'],
    ['a remote host without a mode', { hostname: 'db.example.com' }, {}, 'configuration', 'protected'],
    ['an unknown authority', {}, { sslmode: 'verify-full' }, 'configuration', 'not trusted'],
  ])('%s', async (_, parts, parameters, code, text) => {
    const error: Error = await open(change(parts, parameters)).then(
      () => expect.fail('opened'),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
    expect(`${error.message} ${inspect({ ...error, cause: undefined })}`).not.toContain(server.password);
  });

  it('speaks TLS as the URL says', async () => {
    const { ca: sslrootcert } = writeCerts(tempDir('ca').path, certs);
    const modes: Record<string, string>[] = [
      { sslmode: 'require' },
      { sslmode: 'verify-ca', sslrootcert },
      { sslmode: 'verify-full', sslrootcert },
    ];
    for (const mode of modes) {
      const store = await open(change({ hostname: 'localhost' }, mode));
      const connections = await server.query(
        'select ssl from pg_stat_ssl join pg_stat_activity using (pid) where datname = $1',
        [new URL(url.reveal()).pathname.slice(1)],
      );
      expect(connections).toEqual([{ ssl: true }]);
      await store.close();
    }
  });
});

it('keeps an embedded control database in a folder, with its password in a file only we can read', async () => {
  const { path } = tempDir('control');
  chmodSync(path, 0o711);
  const folder = join(path, 'data', 'control');
  const first = await openStore({ at: { folder }, generateSigningKey });
  const [key] = await first.signingKeys.usable();
  await first.close();
  expect(readdirSync(folder).sort()).toEqual(['db', 'password']);
  expect(statSync(join(folder, 'password')).mode & 0o777).toBe(0o600);
  const second = await openStore({ at: { folder }, generateSigningKey });
  expect((await second.signingKeys.usable())[0].kid).toBe(key.kid);
  await second.close();
});
