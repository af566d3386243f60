import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bind, execute, parse, query, startup, sync } from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { tokensFor } from '../../support/idp.ts';
import { dialTcp, dialTls, nativeSession, signIn } from '../../support/native-client.ts';
import { RawClient } from '../../support/raw-client.ts';
import { bodyOf, TunnelClient } from '../../support/tunnel-client.ts';

/** Metrics count what happened, and the log says nothing that it must not. */
let gw: TestGateway;
beforeAll(async () => {
  gw = await startTestGateway();
});
afterAll(() => gw?.stop());

const scrape = async (): Promise<Map<string, number>> => {
  const text = await (await fetch(`${gw.adminUrl}/metrics`)).text();
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
};

describe('/metrics', () => {
  it('counts sessions, statements, bytes, sign-ins and tunnels', async () => {
    const before = await scrape();
    const grant = await gw.sessionGrant('alice');
    const native = await nativeSession(gw, grant);
    const tunnel = await TunnelClient.connect(gw);
    const tunnelled = await tunnel.openSession(grant);
    native.send(query('select 1'), query('select 2; select 3'), query('select 1/0'));
    await native.take('Z', 3);
    tunnelled.send(
      parse('s', `select repeat('x', 100000)`),
      bind({ portal: '', statement: 's' }),
      execute(''),
      bind({ portal: '', statement: 's' }),
      execute(''),
      sync(),
    );
    await tunnelled.take('Z');
    await signIn(await dialTls(gw), 'gws_x', [['user', 'x']]).untilClosed();
    await gw.sessionGrant('carol').catch(() => {});
    const after = await scrape();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect({
      sessions: after.get('gw_sessions{target="prod-db"}'),
      opened: grown('gw_sessions_total{target="prod-db"}'),
      simple: grown('gw_statements_total{decision="allow",kind="simple"}'),
      extended: grown('gw_statements_total{decision="allow",kind="extended"}'),
      timed: grown('gw_statement_seconds_count{kind="extended"}'),
      connects: grown('gw_connect_seconds_count'),
      granted: grown('gw_sign_ins_total{result="ok"}'),
      wrong: grown('gw_sign_ins_total{result="wrong_credential"}'),
      tunnels: after.get('gw_tunnels'),
      healthy: after.get('gw_journal_healthy'),
    }).toEqual({
      sessions: 2,
      opened: 2,
      simple: 4,
      extended: 2,
      timed: 2,
      connects: 2,
      granted: 1,
      wrong: 1,
      tunnels: 1,
      healthy: 1,
    });
    expect(grown('gw_bytes_total{direction="out"}')).toBeGreaterThan(200_000);
    expect(grown('gw_bytes_total{direction="in"}')).toBeLessThan(2_000);
    expect(after.get('gw_journal_flush_seconds_count')).toBeGreaterThan(0);
    expect(after.get('gw_event_loop_lag_seconds_count')).toBeGreaterThan(0);
    native.destroy();
    tunnelled.destroy();
    tunnel.destroy();
    await eventually(async () => {
      const now = await scrape();
      return now.get('gw_sessions{target="prod-db"}') === 0 && now.get('gw_tunnels') === 0;
    }, 'sessions and tunnels are counted down');
  });

  it('a session that never reached its database does not count down those that did', async () => {
    await gw.reconfigure((document) => {
      document.targets['prod-db'].databases = ['shop', 'missing'];
    });
    const grant = await gw.sessionGrant('alice');
    const client = await nativeSession(gw, grant);
    for (let i = 0; i < 3; i++) {
      await signIn(await dialTls(gw), grant.token, [
        ['user', 'x'],
        ['database', 'prod-db/missing'],
      ]).untilClosed();
    }
    expect((await scrape()).get('gw_sessions{target="prod-db"}')).toBe(1);
    client.destroy();
  });
});

describe('the log', () => {
  it('has no SQL, parameter, row, token or password, whatever goes wrong', async () => {
    const grant = await gw.sessionGrant('alice');
    const { access_token } = await tokensFor(gw.idp, 'alice');
    const canary = (what: string): string => `canary${what}zq`;
    const client = await nativeSession(gw, grant, [['application_name', canary('application')]]);
    // What runs, fails, is refused or violates the protocol.
    client.send(query(`select '${canary('sql')}'`), query(`selec '${canary('syntax')}'`));
    await client.take('Z', 2);
    client.send(
      parse('', `select $1::int, '${canary('prepared')}'`),
      bind({ portal: '', statement: '', parameters: [Buffer.from(canary('parameter'))] }),
      execute(''),
      sync(),
    );
    await client.take('Z');
    client.send(Buffer.concat([Buffer.from([0x07, 0, 0, 0, 40]), Buffer.from(canary('garbage').padEnd(36))]));
    await client.untilClosed();
    // Credentials of every kind, at every door.
    for (const password of [canary('password'), `gws_${canary('grant')}.a.b`, access_token]) {
      await signIn(await dialTls(gw), password, [
        ['user', canary('user')],
        ['database', 'prod-db'],
      ]).untilClosed();
      const tunnel = await TunnelClient.connect(gw);
      const { stream } = await tunnel.open(password, 'prod-db');
      await bodyOf(stream);
      tunnel.destroy();
      await fetch(`${gw.adminUrl}/?token=${password}`).catch(() => {});
    }
    const plain = new RawClient(await dialTcp(gw));
    plain.send(startup([['user', canary('plain')]]));
    await plain.untilClosed();
    const wild = new RawClient(await dialTcp(gw));
    wild.send(Buffer.from(canary('wild').repeat(40)));
    await wild.untilClosed();
    // A target whose login is wrong.
    process.env.GW_TEST_CANARY = canary('login');
    await gw.reconfigure((document) => {
      document.targets.broken = {
        ...document.targets['prod-db'],
        login: { user: 'nobody', password: { env: 'GW_TEST_CANARY' } },
      };
    });
    const broken = await gw.sessionGrant('alice', 'broken');
    await signIn(await dialTls(gw), broken.token, [
      ['user', 'x'],
      ['database', 'broken'],
    ]).untilClosed();

    const log = gw.log.join('');
    expect(log).toContain('sign_in_refused');
    expect(log).toContain('session_failed');
    expect(log.match(/canary\w*zq/g)).toBeNull();
    for (const secret of [grant.token, broken.token, access_token, gw.postgres.password]) {
      expect(log).not.toContain(secret);
      expect(log).not.toContain(secret.split('.').at(-1));
    }
    for (const line of gw.log) expect(() => JSON.parse(line)).not.toThrow();

    const journal = JSON.stringify(await gw.journal());
    for (const what of ['password', 'grant', 'login', 'parameter', 'garbage', 'wild']) {
      expect(journal).not.toContain(canary(what));
    }
    for (const what of ['sql', 'syntax', 'prepared', 'application']) expect(journal).toContain(canary(what));
    for (const secret of [grant.token, access_token, gw.postgres.password])
      expect(journal).not.toContain(secret);
  });
});
