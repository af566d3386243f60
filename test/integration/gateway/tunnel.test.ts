import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { tunnelAuthority } from '../../../src/contract/tunnel.ts';
import { cancelRequest, query, sslRequest, startup } from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { tokensFor } from '../../support/idp.ts';
import { withLimit } from '../../support/limits.ts';
import { dialTls, firstColumn, nextBytes, signIn } from '../../support/native-client.ts';
import { errorIn, RawClient } from '../../support/raw-client.ts';
import { bodyOf, TunnelClient } from '../../support/tunnel-client.ts';

/** The tunnel, seen by an HTTP/2 implementation that is not ours. */
let gw: TestGateway;
let grant: SessionGrant;
let tunnel: TunnelClient;
const open: { destroy(): void }[] = [];

beforeAll(async () => {
  gw = await startTestGateway();
  grant = await gw.sessionGrant('alice');
  tunnel = await TunnelClient.connect(gw);
});
afterAll(async () => {
  tunnel?.destroy();
  await gw?.stop();
});
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const PROD = { ':authority': tunnelAuthority('prod-db') };

describe('streams', () => {
  it('carry sessions, many on one connection, each with its own database session', async () => {
    const clients = await Promise.all(Array.from({ length: 40 }, () => tunnel.openSession(grant)));
    for (const client of clients) client.send(query('select pg_backend_pid()'));
    const pids = await Promise.all(clients.map(async (client) => firstColumn(await client.take('Z'))[0]));
    expect(new Set(pids).size).toBe(40);
    for (const client of clients) client.destroy();
    await eventually(
      async () =>
        (await gw.postgres.query(`select 1 from pg_stat_activity where application_name like 'gw:%'`))
          .length === 0,
      'no backend is left',
    );
  });

  it('each has flow control of its own: one that is not read does not stop another', async () => {
    const slow = await tunnel.openSession(grant);
    slow.socket.pause();
    slow.send(query(`select repeat('x', 100000) from generate_series(1, 300)`));
    const quick = await tunnel.openSession(grant);
    for (let i = 0; i < 20; i++) {
      quick.send(query(`select repeat('y', 100000)`));
      expect(await quick.until('Z')).toBe('TDCZ');
    }
    slow.socket.resume();
    expect((await slow.take('Z')).filter(({ type }) => type === 'D')).toHaveLength(300);
    slow.destroy();
    quick.destroy();
  });

  it('a CancelRequest on a stream of its own stops the statement', async () => {
    const client = await tunnel.openSession(grant);
    client.send(query('select pg_sleep(60)'));
    await eventually(
      async () =>
        (await gw.postgres.query(`select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`))
          .length,
    );
    const { stream } = await tunnel.open(grant.token, 'prod-db');
    stream.end(cancelRequest(client.processId, client.secret));
    expect(await bodyOf(stream)).toBe('');
    expect(errorIn(await client.take('Z'))).toMatchObject({ sqlstate: '57014' });
    client.destroy();
  });

  it('an SSLRequest inside is answered N', async () => {
    const { stream } = await tunnel.open(grant.token, 'prod-db');
    stream.write(sslRequest());
    const socket = stream as unknown as Socket;
    expect((await nextBytes(socket)).toString()).toBe('N');
    const client = new RawClient(socket);
    client.send(startup([['user', 'x']]));
    socket.resume();
    await client.until('Z');
    client.destroy();
  });

  it('a reset of the stream ends the session at once', async () => {
    const client = await tunnel.openSession(grant, [['application_name', 'reset me']]);
    client.send(query('select pg_sleep(60)'));
    await eventually(async () => (await activity('reset me')).length);
    client.destroy();
    await eventually(async () => (await activity('reset me')).length === 0);
  });

  it('a connection that is lost ends its sessions', async () => {
    const other = await TunnelClient.connect(gw);
    const client = await other.openSession(grant, [['application_name', 'lose me']]);
    client.send(query('select pg_sleep(60)'));
    await eventually(async () => (await activity('lose me')).length);
    other.session.socket.destroy();
    other.destroy();
    await eventually(async () => (await activity('lose me')).length === 0);
  });
});

const activity = (name: string) =>
  gw.postgres.query(`select 1 from pg_stat_activity where application_name like 'gw:%' || $1`, [name]);

describe('what a stream may not be', () => {
  it.each([
    ['without a session grant', {}, 401, 'not_signed_in'],
    ['with another scheme', { authorization: 'Basic eDp5' }, 401, 'not_signed_in'],
    ['with garbage', bearer('gws_garbage'), 401, 'wrong_credential'],
    ['of another API version', { 'gw-api-version': '99' }, 400, 'usage'],
  ])('%s: refused with an ErrorBody', async (_, headers, status, code) => {
    expect(await tunnel.refusal({ ...PROD, ...headers })).toMatchObject({
      status,
      code,
      message: expect.any(String),
    });
  });

  it('with a forged session grant', async () => {
    const forged = `${grant.token.slice(0, -4)}${grant.token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    expect(await tunnel.refusal({ ...PROD, ...bearer(forged) })).toMatchObject({
      status: 401,
      code: 'wrong_credential',
    });
  });

  it('with a session grant for another target', async () => {
    const other = await gw.sessionGrant('bob', 'reporting');
    expect(await tunnel.refusal({ ...PROD, ...bearer(other.token) })).toMatchObject({
      status: 403,
      code: 'denied',
    });
  });

  it.each([
    'prod-db',
    'prod-db:22',
    'prod-db:5432:5432',
    'localhost:5432',
    'PROD-DB:5432',
    '../prod-db:5432',
  ])('to the authority %s', async (authority) => {
    expect(await tunnel.refusal({ ':authority': authority, ...bearer(grant.token) })).toMatchObject({
      status: 403,
      code: 'denied',
    });
  });

  it('with a token of the identity provider', async () => {
    const { access_token } = await tokensFor(gw.idp, 'alice');
    expect(await tunnel.refusal({ ...PROD, ...bearer(access_token) })).toMatchObject({ status: 401 });
  });

  it.each(['GET', 'POST'])('a %s', async (method) => {
    const stream = tunnel.session.request({
      ':method': method,
      ':path': '/v1/targets',
      ...bearer(grant.token),
    });
    stream.on('error', () => {});
    stream.end();
    const status = await new Promise<number>((done) => {
      stream.once('response', (headers) => done(Number(headers[':status'])));
      stream.once('close', () => done(0));
    });
    expect([0, 405, 501, 404, 400]).toContain(status);
    stream.destroy();
    // The connection and its other streams are not touched.
    const client = await tunnel.openSession(grant);
    client.destroy();
  });

  it('one that does not speak PostgreSQL: told so in PostgreSQL, and ended', async () => {
    const { stream } = await tunnel.open(grant.token, 'prod-db');
    const client = new RawClient(stream as unknown as Socket);
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('one that ends before it began: ended from our side too', async () => {
    const { stream } = await tunnel.open(grant.token, 'prod-db');
    stream.resume();
    stream.end();
    await new Promise<void>((done) => stream.once('close', () => done()));
  });

  it('one that says nothing: ended after the time limit', async () => {
    await withLimit('startupTimeoutMs', 150, async () => {
      const { stream } = await tunnel.open(grant.token, 'prod-db');
      stream.resume();
      await new Promise<void>((done) => stream.once('close', () => done()));
    });
  });

  it('a replication connection', async () => {
    const { stream } = await tunnel.open(grant.token, 'prod-db');
    const client = new RawClient(stream as unknown as Socket);
    client.send(
      startup([
        ['user', 'x'],
        ['replication', 'true'],
      ]),
    );
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '0A000' });
  });
});

describe('the connection', () => {
  it('answers PING', async () => {
    const answer = await new Promise<Buffer>((done) =>
      tunnel.session.ping(Buffer.from('12345678'), (_error, _ms, payload) => done(payload)),
    );
    expect(answer.toString()).toBe('12345678');
  });

  it('serves the API by HTTP/1.1 on the same port, chosen by ALPN', async () => {
    const status = await new Promise((done, fail) => {
      httpsRequest(`${gw.url}/.well-known/gw`, { ca: gw.ca, agent: false }, (response) => {
        response.resume();
        done(response.statusCode);
      })
        .once('error', fail)
        .end();
    });
    expect(status).toBe(200);
  });

  it.each([
    [['h2', 'http/1.1'], 'http/1.1'],
    [['http/1.1', 'h2'], 'http/1.1'],
    [['h2'], 'h2'],
    [['h2', 'http/1.1', 'postgresql'], 'postgresql'],
  ])('a client that offers %j gets %s', async (offered, chosen) => {
    const socket = await dialTls(gw, offered);
    open.push(socket);
    expect(socket.alpnProtocol).toBe(chosen);
  });

  it('a client without ALPN is served HTTP/1.1', async () => {
    const socket = await dialTls(gw, []);
    open.push(socket);
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    expect((await nextBytes(socket)).toString()).toMatch(/^HTTP\/1\.1 200/);
  });

  it('something else than HTTP/2 behind ALPN h2 ends that connection only', async () => {
    const socket = await dialTls(gw, ['h2']);
    open.push(socket);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(4));
    await new Promise<void>((done) => socket.once('close', () => done()));
    (await tunnel.openSession(grant)).destroy();
  });
});

describe('an expired session grant', () => {
  it('opens nothing, by tunnel or natively; sessions that exist go on', async () => {
    await gw.reconfigure((document) => {
      document.session_grants = { ttl: '1s', session_limit: '1h' };
    });
    const short = await gw.sessionGrant('bob');
    await gw.reconfigure((document) => {
      delete document.session_grants;
    });
    const client = await tunnel.openSession(short);
    await eventually(() => Date.now() > Date.parse(short.expires_at), 'it expires');
    expect(await tunnel.refusal({ ...PROD, ...bearer(short.token) })).toMatchObject({
      status: 410,
      code: 'expired',
    });
    const refused = signIn(await dialTls(gw), short.token, [
      ['user', 'x'],
      ['database', 'prod-db'],
    ]);
    expect(errorIn(await refused.untilClosed())).toMatchObject({
      severity: 'FATAL',
      message: 'The session grant has expired.',
      hint: expect.stringContaining('gw token prod-db'),
    });
    client.send(query('select 1'));
    expect(await client.until('Z')).toBe('TDCZ');
    client.destroy();
  });
});

describe('drain', () => {
  it('GOAWAY: no new streams, sessions that exist go on, then the connection ends', async () => {
    const fresh = await gw.sessionGrant('alice');
    const client = await tunnel.openSession(fresh);
    const idle = await TunnelClient.connect(gw);
    const stopped = gw.stopGateway(5_000);
    await eventually(() => tunnel.goaway && idle.goaway, 'GOAWAY');
    await eventually(() => idle.session.destroyed, 'a tunnel without sessions ends at once');
    client.send(query('select 42'));
    expect(firstColumn(await client.take('Z'))).toEqual(['42']);
    await expect(TunnelClient.connect(gw)).rejects.toThrow();
    client.destroy();
    await stopped;
    await eventually(() => tunnel.session.destroyed, 'the connection ends with its last session');
  });
});
