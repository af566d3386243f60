import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { tunnelAuthority } from '../../../src/contract/tunnel.ts';
import { SHOP_LOGIN } from '../../../src/demo/shop.ts';
import { query } from '../../../src/wire/build-frontend.ts';
import { makeCerts, writeCerts } from '../../support/certs.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { dialTls, firstColumn, nativeSession, type Parameters, signIn } from '../../support/native-client.ts';
import { errorIn, type RawClient } from '../../support/raw-client.ts';
import { TunnelClient } from '../../support/tunnel-client.ts';

/** What holds for sessions: whose they are, how many there may be, when they end, what a reload does to them. */
let gw: TestGateway;
let alice: SessionGrant;
const clients: RawClient[] = [];

beforeAll(async () => {
  gw = await startTestGateway();
  alice = await gw.sessionGrant('alice');
});
afterAll(() => gw?.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await eventually(async () => (await backends()) === 0, 'no backend is left');
});

async function session(grant = alice, parameters: Parameters = []): Promise<RawClient> {
  const client = await nativeSession(gw, grant, parameters);
  clients.push(client);
  return client;
}

async function refusal(grant: SessionGrant) {
  const client = signIn(await dialTls(gw), grant.token, [
    ['user', 'x'],
    ['database', grant.target],
  ]);
  clients.push(client);
  return errorIn(await client.untilClosed());
}

const backends = async (): Promise<number> =>
  (
    await gw.postgres.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where application_name like 'gw:%'`,
    )
  )[0]!.n;
const events = async (event: string) =>
  (await gw.journal()).map(({ record }) => record).filter((record) => record.event === event);
const works = async (client: RawClient): Promise<void> => {
  client.send(query('select 1'));
  expect(await client.until('Z')).toBe('TDCZ');
};

describe('the database sees who it is', () => {
  it("application_name has the identity, the session as the journal has it, and the client's own name", async () => {
    await session(alice, [['application_name', 'my tool']]);
    const [{ name }] = (await gw.postgres.query<{ name: string }>(
      `select application_name as name from pg_stat_activity where application_name like 'gw:%'`,
    )) as [{ name: string }];
    const [, who, id, own] = /^gw:(.+)\/([0-9a-f]{16}) (.*)$/.exec(name)!;
    expect([who, own]).toEqual(['alice@example.com', 'my tool']);
    expect((await events('session_started')).at(-1)).toMatchObject({
      session: id,
      name: 'alice@example.com',
      application: 'my tool',
      target: 'prod-db',
      database: 'shop',
    });
  });

  it('startup options do not replace it', async () => {
    const client = await session(alice, [['options', '-c application_name=somebody']]);
    client.send(query('show application_name'));
    expect(firstColumn(await client.take('Z'))[0]).toMatch(/^gw:alice@example.com\//);
  });

  it('the user a client names changes nothing', async () => {
    const client = signIn(await dialTls(gw), alice.token, [
      ['user', 'postgres'],
      ['database', 'prod-db'],
    ]);
    clients.push(client);
    await client.until('Z');
    client.send(query('select session_user'));
    expect(firstColumn(await client.take('Z'))).toEqual([SHOP_LOGIN]);
  });
});

describe('how many', () => {
  it('a gateway takes no more than limits.sessions: 53300, in the journal, and a place is free again after one ends', async () => {
    await gw.reconfigure((document) => {
      document.limits = { sessions: 2 };
    });
    const first = await session();
    const second = await session();
    expect(await refusal(alice)).toMatchObject({
      severity: 'FATAL',
      sqlstate: '53300',
      hint: expect.stringContaining('limits.sessions'),
    });
    await eventually(async () =>
      (await events('session_refused')).some(({ code }) => code === 'too_many_sessions'),
    );
    await works(first);
    second.destroy();
    await eventually(async () => (await backends()) === 1);
    await session();
    await gw.reconfigure((document) => {
      delete document.limits;
    });
  });

  it('one identity takes no more than limits.sessions_per_identity; others are not hindered', async () => {
    await gw.reconfigure((document) => {
      document.limits = { sessions_per_identity: 1 };
    });
    await session();
    const tunnel = await TunnelClient.connect(gw);
    await expect(tunnel.openSession(alice)).rejects.toThrow();
    tunnel.destroy();
    expect(await refusal(alice)).toMatchObject({ severity: 'FATAL', sqlstate: '53300' });
    await works(await session(await gw.sessionGrant('bob')));
    await gw.reconfigure((document) => {
      delete document.limits;
    });
  });
});

describe('the end of a session grant', () => {
  it('closes its sessions with 57P01: idle, and in the middle of a statement, whose transaction rolls back', async () => {
    await gw.postgres.query('create table ending (a int); grant all on ending to public', [], 'shop');
    await gw.reconfigure((document) => {
      document.session_grants = { ttl: '1s', session_limit: '1s' };
    });
    const short = await gw.sessionGrant('alice');
    const idle = await session(short);
    const busy = await session(short);
    busy.send(query('begin; insert into ending values (1)'), query('select pg_sleep(60)'));
    expect(await busy.until('Z')).toBe('CCZ');
    for (const client of [idle, busy]) {
      const messages = await client.untilClosed();
      expect(errorIn(messages.filter(({ type }) => type === 'E').slice(-1))).toMatchObject({
        severity: 'FATAL',
        sqlstate: '57P01',
        message: 'This session has reached the end of its session grant.',
      });
    }
    await gw.reconfigure((document) => {
      delete document.session_grants;
    });
    await eventually(async () => (await backends()) === 0);
    expect(await gw.postgres.query('select * from ending', [], 'shop')).toEqual([]);
  });
});

describe('a reload', () => {
  it('drops no session; a new target is there at once', async () => {
    const client = await session();
    const tunnel = await TunnelClient.connect(gw);
    const tunnelled = await tunnel.openSession(alice);
    await gw.reconfigure((document) => {
      document.targets.extra = { ...document.targets['prod-db'] };
    });
    await works(client);
    await works(tunnelled);
    await works(await session(await gw.sessionGrant('alice', 'extra')));
    tunnel.destroy();
    await gw.reconfigure((document) => {
      delete document.targets.extra;
    });
  });

  it('a target that is gone opens no new session; the one that exists goes on', async () => {
    await gw.reconfigure((document) => {
      document.targets.extra = { ...document.targets['prod-db'] };
    });
    const grant = await gw.sessionGrant('alice', 'extra');
    const client = await session(grant);
    await gw.reconfigure((document) => {
      delete document.targets.extra;
    });
    expect(await refusal(grant)).toMatchObject({
      severity: 'FATAL',
      sqlstate: '28000',
      message: 'There is no target "extra" that you may connect to.',
    });
    await works(client);
  });

  it('a group that may not connect any more: the session grant in hand opens nothing, natively or by tunnel', async () => {
    const groups = ['engineers', 'dba'];
    await gw.reconfigure((document) => {
      document.targets['prod-db'].connect.groups = ['dba'];
    });
    const tunnel = await TunnelClient.connect(gw);
    expect(await refusal(alice)).toMatchObject({ severity: 'FATAL', sqlstate: '28000' });
    const headers = {
      ':authority': tunnelAuthority('prod-db'),
      authorization: `Bearer ${alice.token}`,
    };
    expect(await tunnel.refusal(headers)).toMatchObject({ status: 404, code: 'unknown_target' });
    await expect(gw.sessionGrant('alice')).rejects.toThrow(/404/);
    await gw.reconfigure((document) => {
      document.targets['prod-db'].connect.groups = groups;
    });
    await works(await session());
    tunnel.destroy();
  });

  it('an identity provider that is gone: what its people hold opens nothing', async () => {
    let people: unknown;
    await gw.reconfigure((document) => {
      people = document.identity_providers[1];
      document.identity_providers = [document.identity_providers[0]];
    });
    expect(await refusal(alice)).toMatchObject({
      severity: 'FATAL',
      sqlstate: '28P01',
      message: 'This gateway does not accept identities of "people" any more.',
      hint: expect.stringContaining('gw login'),
    });
    await expect(gw.sessionGrant('alice')).rejects.toThrow(/401|403/);
    await gw.reconfigure((document) => {
      document.identity_providers.push(people);
    });
    await works(await session());
  });

  it('another certificate is shown to new connections; those that exist go on', async () => {
    const client = await session();
    const before = await serialOf();
    const leaf = await gw.certs.authority.issue();
    writeCerts(gw.folder, { ...leaf, ca: gw.ca });
    await gw.reconfigure(() => {});
    expect(await serialOf()).not.toBe(before);
    await works(client);
  });

  it('a certificate that does not belong to its key changes nothing', async () => {
    const before = await serialOf();
    const good = readFileSync(join(gw.folder, 'tls.key'));
    const other = await makeCerts();
    writeFileSync(join(gw.folder, 'tls.key'), other.key);
    await expect(gw.reconfigure(() => {})).rejects.toMatchObject({ code: 'configuration' });
    expect(await serialOf()).toBe(before);
    writeFileSync(join(gw.folder, 'tls.key'), good);
    await works(await session());
  });
});

async function serialOf(): Promise<string> {
  const socket = await dialTls(gw);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe('a target that cannot be reached', () => {
  it.each([
    ['nobody listens', { port: 1 }, '08001'],
    ['its name does not exist', { host: 'nowhere.invalid' }, '08001'],
    ['its certificate is not what was expected', { host: '127.0.0.2' }, '08001'],
    ['its user does not exist', { login: { user: 'nobody', password: { env: 'PATH' } } }, /^(28|08)/],
  ])('%s: a FATAL that says so, without the password', async (_, change, sqlstate) => {
    await gw.reconfigure((document) => {
      document.targets.broken = { ...document.targets['prod-db'], ...change };
    });
    const error = await refusal(await gw.sessionGrant('alice', 'broken'));
    expect(error).toMatchObject({ severity: 'FATAL', sqlstate: expect.stringMatching(sqlstate) });
    expect(JSON.stringify(error)).not.toContain(gw.postgres.password);
    await gw.reconfigure((document) => {
      delete document.targets.broken;
    });
  });
});
