import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UpstreamRefused } from '../../../src/core/upstream-refused.ts';
import type { UpstreamTarget } from '../../../src/gateway/upstream/types.ts';
import { decodeErrorResponse } from '../../../src/wire/notice-fields.ts';
import { makeCerts, type TestCerts } from '../../support/certs.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { tempDir } from '../../support/temp.ts';
import { openSession, rejection, STARTUP, upstream } from './session.ts';

/** Sign-in and TLS against a real PostgreSQL that asks each role for something else. */
const HBA = [
  'host    all trusted   all trust',
  'host    all cleartext all password',
  'host    all md5er     all md5',
  'host    all scrammer  all scram-sha-256',
  'local   all scrammer      scram-sha-256',
  'hostssl all certified all cert',
  'hostssl all tlsonly   all scram-sha-256',
  'host    all rotating  all scram-sha-256',
  'host    all few       all trust',
  'host    all closed    all trust',
  'host    all nologin   all trust',
];
const SETUP = `
  create role trusted login;
  create role cleartext login password 'plain';
  set password_encryption = 'md5';
  create role md5er login password 'hashed';
  set password_encryption = 'scram-sha-256';
  create role scrammer login password 'pencil \u00e9\u00aa';
  create role certified login;
  create role tlsonly login password 'pencil';
  create role rotating login password 'first';
  create role few login connection limit 0;
  create role closed login;
  create role nologin nologin;`;
const ENVIRONMENT = {
  PLAIN: 'plain',
  HASHED: 'hashed',
  PENCIL: 'pencil',
  ACCENTED: 'pencil \u00e9\u00aa',
  WRONG: 'wrong',
};

const folder = tempDir('upstream');
let certs: TestCerts;
let server: TestPostgres;
let ca: string;

beforeAll(async () => {
  certs = await makeCerts();
  ca = join(folder.path, 'ca.crt');
  writeFileSync(ca, certs.ca);
  server = await startPostgres({ hba: HBA, setup: SETUP, tls: certs, settings: { log_connections: 'on' } });
  await server.query('create database private');
  await server.query('revoke connect on database private from public');
});
afterAll(async () => {
  await server?.stop();
  folder[Symbol.dispose]();
});

type Change = Partial<Omit<UpstreamTarget, 'login'>> & { readonly login?: UpstreamTarget['login'] };
const target = (user: string, variable?: string, change: Change = {}): UpstreamTarget => ({
  name: 'shop',
  host: server.host,
  port: server.port,
  tls: { mode: 'verify-full', ca },
  login: { user, ...(variable ? { password: { kind: 'env', name: variable } } : {}) },
  ...change,
});
const as = (user: string, variable?: string, change?: Change) =>
  upstream(target(user, variable, change), ENVIRONMENT);
const IS_TLS = 'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()';

describe('signing in', () => {
  it.each([
    ['trust', 'trusted', undefined],
    ['a cleartext password', 'cleartext', 'PLAIN'],
    ['MD5', 'md5er', 'HASHED'],
    ['SCRAM with a password that SASLprep changes', 'scrammer', 'ACCENTED'],
    ['SCRAM where only TLS may', 'tlsonly', 'PENCIL'],
  ])('works with %s, encrypted', async (_, user, variable) => {
    await using session = await openSession(as(user, variable));
    expect(await session.rows("select current_user, current_setting('application_name')")).toEqual([
      [user, 'upstream test'],
    ]);
    expect(await session.rows(IS_TLS)).toEqual([['t', 'TLSv1.3']]);
  });

  it.each([
    ['trusted', undefined],
    ['cleartext', 'PLAIN'],
    ['md5er', 'HASHED'],
    ['scrammer', 'ACCENTED'],
  ])('works for %s without TLS on the loopback', async (user, variable) => {
    await using session = await openSession(as(user, variable, { tls: { mode: 'disable' } }));
    expect(await session.rows(IS_TLS)).toEqual([['f', null]]);
  });

  it('works on a unix socket, where the TLS mode does not count', async () => {
    await using session = await openSession(as('scrammer', 'ACCENTED', { host: server.socketDir }));
    expect(await session.rows('select inet_server_addr()')).toEqual([[null]]);
  });

  it.each(['cleartext', 'md5er', 'scrammer', 'tlsonly'])(
    'fails for %s with a wrong password, once',
    async (user) => {
      const before = server.log.length;
      const failure = await rejection(as(user, 'WRONG').connect(STARTUP));
      expect(failure).toMatchObject({
        code: 'database_unreachable',
        message: 'The gateway could not sign in to target "shop".',
      });
      expect(failure).not.toBeInstanceOf(UpstreamRefused);
      expect(`${failure.detail}${failure.hint}`).not.toMatch(user);
      expect(String(failure.cause)).toMatch(/28P01/);
      await expect
        .poll(() => server.log.slice(before).filter((l) => l.includes('password authentication failed')))
        .toHaveLength(1);
    },
  );

  it('fails where pg_hba.conf has no line, no TLS or no method of ours for the login', async () => {
    const absent = await rejection(as('absent', 'WRONG').connect(STARTUP));
    expect(absent.message).toBe('The gateway could not sign in to target "shop".');
    const plain = await rejection(as('tlsonly', 'PENCIL', { tls: { mode: 'disable' } }).connect(STARTUP));
    expect(String(plain.cause)).toMatch(/28000/);
    const nologin = await rejection(as('nologin').connect(STARTUP));
    expect(nologin).not.toBeInstanceOf(UpstreamRefused);
    expect(nologin.message).toBe('The gateway could not sign in to target "shop".');
  });

  it('derives the SCRAM keys once for all connections', async () => {
    const by = as('scrammer', 'ACCENTED');
    await using first = await openSession(by);
    await using second = await openSession(by);
    expect(first.processId).not.toBe(second.processId);
  });

  it('binds SCRAM to the TLS channel: a relay with a certificate of its own cannot sign in', async () => {
    const { relayWithTls } = await import('./tls-relay.ts');
    const own = await certs.authority.issue();
    await using relay = await relayWithTls(own, { host: server.host, port: server.port });
    const failure = await rejection(as('tlsonly', 'PENCIL', { port: relay.port }).connect(STARTUP));
    expect(failure.message).toBe('The gateway could not sign in to target "shop".');
    await using session = await openSession(as('trusted', undefined, { port: relay.port }));
    expect(await session.rows('select 1')).toEqual([['1']]);
  });
});

describe('TLS modes', () => {
  let otherCa: string;
  beforeAll(async () => {
    otherCa = join(folder.path, 'other-ca.crt');
    writeFileSync(otherCa, (await makeCerts()).ca);
  });
  const isEncrypted = async (tls: UpstreamTarget['tls'], host = server.host): Promise<string | null> => {
    await using session = await openSession(as('trusted', undefined, { tls, host }));
    return (await session.rows(IS_TLS))[0]![0]!;
  };
  const failure = (tls: UpstreamTarget['tls'], host = server.host) =>
    rejection(as('trusted', undefined, { tls, host }).connect(STARTUP));

  it('of a server with TLS', async () => {
    expect(await isEncrypted({ mode: 'disable' })).toBe('f');
    expect(await isEncrypted({ mode: 'prefer' })).toBe('t');
    expect(await isEncrypted({ mode: 'prefer', ca: otherCa })).toBe('t');
    expect(await isEncrypted({ mode: 'require' })).toBe('t');
    expect(await isEncrypted({ mode: 'require', ca })).toBe('t');
    expect(await isEncrypted({ mode: 'verify-ca', ca })).toBe('t');
    expect(await isEncrypted({ mode: 'verify-full', ca })).toBe('t');
    expect(await isEncrypted({ mode: 'verify-full', ca }, 'localhost')).toBe('t');
  });

  it.each(['require', 'verify-ca', 'verify-full'] as const)('%s refuses a wrong authority', async (mode) => {
    expect(await failure({ mode, ca: otherCa })).toMatchObject({
      code: 'database_unreachable',
      message: 'Target "shop" shows a certificate that is not trusted.',
    });
  });

  it.each(['verify-ca', 'verify-full'] as const)(
    '%s without a CA trusts the public ones only',
    async (mode) => {
      expect((await failure({ mode })).message).toBe(
        'Target "shop" shows a certificate that is not trusted.',
      );
    },
  );

  it('verify-full alone looks at the name', async () => {
    const elsewhere = await startPostgres({
      hba: HBA,
      setup: 'create role trusted login',
      tls: await certs.authority.issue({ hosts: ['db.internal'] }),
    });
    try {
      const at = (mode: 'verify-full' | 'verify-ca') =>
        as('trusted', undefined, { port: elsewhere.port, tls: { mode, ca } });
      expect((await rejection(at('verify-full').connect(STARTUP))).message).toBe(
        'Target "shop" shows a certificate that is not for its host name.',
      );
      await using session = await openSession(at('verify-ca'));
      expect(await session.rows('select 1')).toEqual([['1']]);
    } finally {
      await elsewhere.stop();
    }
  });

  it('says so when its own files are not usable', async () => {
    const missing = await failure({ mode: 'verify-full', ca: join(folder.path, 'none.crt') });
    expect(missing.message).toBe(
      'Target "shop" cannot be reached: the TLS files of the gateway for it are not usable.',
    );
    expect(`${missing.message}${missing.hint}`).not.toMatch(folder.path);
    const broken = join(folder.path, 'broken.crt');
    writeFileSync(broken, 'not a certificate');
    const { message } = await failure({ mode: 'verify-full', ca, cert: broken, key: broken });
    expect(message).toBe(missing.message);
  });

  it('takes a replaced authority at the next connection', async () => {
    const path = join(folder.path, 'changing.crt');
    writeFileSync(path, (await makeCerts()).ca);
    const by = as('trusted', undefined, { tls: { mode: 'verify-full', ca: path } });
    expect((await rejection(by.connect(STARTUP))).message).toMatch(/not trusted/);
    writeFileSync(`${path}.new`, certs.ca);
    renameSync(`${path}.new`, path);
    await using session = await openSession(by);
    expect(await session.rows('select 1')).toEqual([['1']]);
  });
});

describe('client certificates', () => {
  const files = async (name: string): Promise<{ cert: string; key: string }> => {
    const { cert, key } = await certs.authority.issue({ name });
    const own = join(folder.path, name);
    mkdirSync(own, { recursive: true });
    const paths = { cert: join(own, 'tls.crt'), key: join(own, 'tls.key') };
    writeFileSync(paths.cert, cert);
    writeFileSync(paths.key, key, { mode: 0o600 });
    return paths;
  };

  it('sign in the role they name', async () => {
    const tls = { mode: 'verify-full', ca, ...(await files('certified')) } as const;
    await using session = await openSession(as('certified', undefined, { tls }));
    expect(await session.rows('select current_user')).toEqual([['certified']]);
  });

  it('sign in no other role, and their absence nobody', async () => {
    const tls = { mode: 'verify-full', ca, ...(await files('someone')) } as const;
    for (const change of [{ tls }, {}]) {
      const failure = await rejection(as('certified', undefined, change).connect(STARTUP));
      expect(failure.message).toBe('The gateway could not sign in to target "shop".');
    }
  });
});

describe('rotating passwords', () => {
  const change = (password: string) => server.query(`alter role rotating password '${password}'`);

  it('follow a file', async () => {
    await change('first');
    const path = join(folder.path, 'password');
    writeFileSync(path, 'first\n');
    const by = as('rotating', undefined, { login: { user: 'rotating', password: { kind: 'file', path } } });
    await (await openSession(by))[Symbol.asyncDispose]();
    await change('second');
    expect((await rejection(by.connect(STARTUP))).message).toMatch(/could not sign in/);
    writeFileSync(`${path}.new`, 'second\n');
    renameSync(`${path}.new`, path);
    await (await openSession(by))[Symbol.asyncDispose]();
  });

  it('follow a command, at once when the server refuses what it printed before', async () => {
    await change('third');
    const path = join(folder.path, 'printed');
    writeFileSync(path, 'third');
    const script = 'process.stdout.write(require("node:fs").readFileSync(process.argv[1]))';
    const password = {
      kind: 'command',
      argv: [process.execPath, '-e', script, path],
      ttlMs: 3_600_000,
    } as const;
    const by = as('rotating', undefined, { login: { user: 'rotating', password } });
    await (await openSession(by))[Symbol.asyncDispose]();
    await change('fourth');
    writeFileSync(path, 'fourth');
    const sessions = await Promise.all([openSession(by), openSession(by), openSession(by)]);
    for (const session of sessions) {
      expect(await session.rows('select current_user')).toEqual([['rotating']]);
      await session[Symbol.asyncDispose]();
    }
  });
});

describe('refusals that are for the client', () => {
  it.each([
    ['an unknown database', 'trusted', { database: 'nowhere' }, '3D000', 'unknown_database'],
    ['a database without CONNECT', 'closed', { database: 'private' }, '42501', 'denied'],
    ['a full connection limit', 'few', {}, '53300', 'too_many_sessions'],
    [
      'an invalid setting',
      'trusted',
      { parameters: [['work_mem', 'much']] as const },
      '22023',
      'database_unreachable',
    ],
    [
      'an unknown setting',
      'trusted',
      { parameters: [['no_such', '1']] as const },
      '42704',
      'database_unreachable',
    ],
  ])('%s is passed on in the words of the server', async (_, user, startup, sqlstate, code) => {
    const failure = await rejection(as(user).connect({ ...STARTUP, ...startup }));
    expect(failure).toBeInstanceOf(UpstreamRefused);
    expect(failure).toMatchObject({ code, sqlstate });
    const fields = decodeErrorResponse((failure as UpstreamRefused).fields);
    expect(fields).toMatchObject({ severity: 'FATAL', sqlstate });
    expect(fields.message.length).toBeGreaterThan(10);
  });
});

describe('a session', () => {
  it('speaks 3.2 when asked, with its longer cancel key, or says what the server speaks', async () => {
    await using old = await openSession(as('trusted'));
    expect(old.secret).toHaveLength(4);
    await using session = await openSession(as('trusted'), { protocol: { major: 3, minor: 2 } });
    if (server.major >= 18) {
      expect(session.secret).toHaveLength(32);
      expect(session.negotiation).toBeUndefined();
    } else {
      expect(session.secret).toHaveLength(4);
      expect(session.negotiation!.toString('latin1', 0, 1)).toBe('v');
    }
  });

  it('tells of protocol options the server does not know', async () => {
    const parameters = [['_pq_.gw_test', '1']] as const;
    await using session = await openSession(as('trusted'), { parameters });
    expect(session.negotiation!.toString('latin1')).toMatch(/_pq_\.gw_test\0$/);
  });

  it.each(['verify-full', 'disable'] as const)(
    'is cancelled through a connection of mode %s',
    async (mode) => {
      const by = as('trusted', undefined, { tls: { mode, ca } });
      for (const minor of [0, 2]) {
        await using session = await openSession(by, { protocol: { major: 3, minor } });
        const running = rejection(session.rows('select pg_sleep(60)'));
        await expect
          .poll(() =>
            server.query(`select 1 from pg_stat_activity where query ~ 'pg_sleep' and pid = $1`, [
              session.processId,
            ]),
          )
          .toHaveLength(1);
        await by.cancel(session.processId, session.secret);
        expect(await running).toMatchObject({ code: '57014' });
      }
    },
  );

  it('is not cancelled with a wrong key', async () => {
    const by = as('trusted');
    await using session = await openSession(by);
    await by.cancel(session.processId, Buffer.from([1, 2, 3, 4]));
    expect(await session.rows('select 1')).toEqual([['1']]);
  });

  it('passes large results', async () => {
    await using session = await openSession(as('trusted', undefined, { tls: { mode: 'disable' } }));
    const [[text]] = (await session.rows("select repeat('x', 3000000)")) as [[string]];
    expect(text).toHaveLength(3_000_000);
  });
});

describe('probe', () => {
  it('tells the version and whether TLS is used, and leaves without a trace', async () => {
    const before = server.log.length;
    const { serverVersion, isEncrypted } = await as('scrammer', 'ACCENTED').probe('postgres');
    expect(Number.parseInt(serverVersion, 10)).toBe(server.major);
    expect(isEncrypted).toBe(true);
    expect((await as('trusted', undefined, { tls: { mode: 'disable' } }).probe('postgres')).isEncrypted).toBe(
      false,
    );
    await expect
      .poll(() => server.query(`select 1 from pg_stat_activity where application_name = 'gw probe'`))
      .toHaveLength(0);
    expect(server.log.slice(before).join('\n')).not.toMatch(/unexpected EOF|could not receive/);
  });

  it('fails as connect does', async () => {
    expect(await rejection(as('trusted').probe('nowhere'))).toMatchObject({ code: 'unknown_database' });
    expect(await rejection(as('md5er', 'WRONG').probe('postgres'))).toMatchObject({
      code: 'database_unreachable',
    });
  });
});
