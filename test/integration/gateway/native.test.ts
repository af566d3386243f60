import type { Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import {
  cancelRequest,
  gssEncRequest,
  password,
  query,
  sslRequest,
  startup,
} from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { tokensFor } from '../../support/idp.ts';
import { withLimit } from '../../support/limits.ts';
import {
  dialSslRequest,
  dialTcp,
  dialTls,
  firstColumn,
  nativeSession,
  nextBytes,
  type Parameters,
  signIn,
} from '../../support/native-client.ts';
import { errorIn, RawClient } from '../../support/raw-client.ts';

/** The native port: PostgreSQL over TLS, with a session grant as password. */
let gw: TestGateway;
let grant: SessionGrant;
const sockets: Socket[] = [];
const kept = <T extends Socket>(socket: T): T => {
  sockets.push(socket);
  return socket;
};

beforeAll(async () => {
  gw = await startTestGateway();
  grant = await gw.sessionGrant('alice');
});
afterAll(() => gw?.stop());
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const ALICE: Parameters = [
  ['user', 'alice'],
  ['database', 'prod-db'],
];

async function refusalOf(socket: Socket, token: string, parameters = ALICE) {
  return errorIn(await signIn(kept(socket), token, parameters).untilClosed());
}

describe('ways in', () => {
  it('SSLRequest, then TLS: the classic way', async () => {
    const client = signIn(kept(await dialSslRequest(gw)), grant.token, ALICE);
    await client.until('Z');
    client.send(query('select current_database()'));
    expect(firstColumn(await client.take('Z'))).toEqual(['shop']);
  });

  it('SSLRequest, then TLS with ALPN postgresql, as libpq 17 and later do', async () => {
    const socket = kept(await dialSslRequest(gw, ['postgresql']));
    expect(socket.alpnProtocol).toBe('postgresql');
    await signIn(socket, grant.token, ALICE).until('Z');
  });

  it('direct TLS with ALPN postgresql', async () => {
    const socket = kept(await dialTls(gw));
    expect(socket.alpnProtocol).toBe('postgresql');
    await signIn(socket, grant.token, ALICE).until('Z');
  });

  it('GSSENCRequest is answered N; SSLRequest follows on the same connection', async () => {
    const socket = kept(await dialTcp(gw));
    socket.write(gssEncRequest());
    expect((await nextBytes(socket)).toString()).toBe('N');
    socket.write(sslRequest());
    expect((await nextBytes(socket)).toString()).toBe('S');
    const tls = kept(await dialTls(gw, [], socket));
    await signIn(tls, grant.token, ALICE).until('Z');
  });

  it('inside TLS, encryption requests are answered N, as PostgreSQL answers them there', async () => {
    const socket = kept(await dialTls(gw));
    socket.write(sslRequest());
    expect((await nextBytes(socket)).toString()).toBe('N');
    socket.write(gssEncRequest());
    expect((await nextBytes(socket)).toString()).toBe('N');
    const client = signIn(socket, grant.token, ALICE);
    socket.resume();
    await client.until('Z');
  });

  it('first bytes may come one by one', async () => {
    const socket = kept(await dialTcp(gw));
    for (const byte of sslRequest()) {
      socket.write(Buffer.of(byte));
      await new Promise((done) => setImmediate(done));
    }
    expect((await nextBytes(socket)).toString()).toBe('S');
    const tls = kept(await dialTls(gw, [], socket));
    const client = new RawClient(tls);
    for (const byte of Buffer.concat([startup(ALICE), password(grant.token)]).subarray(0, 120)) {
      tls.write(Buffer.of(byte));
      await new Promise((done) => setImmediate(done));
    }
    tls.write(Buffer.concat([startup(ALICE), password(grant.token)]).subarray(120));
    await client.until('Z');
  });

  it('protocol 3.2 brings a long cancel key, 3.0 one of four bytes', async () => {
    const long = await nativeSession(gw, grant, [], { major: 3, minor: 2 });
    kept(long.socket);
    const short = await nativeSession(gw, grant);
    kept(short.socket);
    expect([long.secret.length, short.secret.length]).toEqual([gw.postgres.major >= 18 ? 32 : 4, 4]);
  });
});

describe('what is refused', () => {
  it('a plain startup: a FATAL that says how to connect, and nothing in the clear', async () => {
    const client = new RawClient(kept(await dialTcp(gw)));
    client.send(startup(ALICE));
    expect(errorIn(await client.untilClosed())).toMatchObject({
      severity: 'FATAL',
      sqlstate: '28000',
      message: 'This gateway accepts TLS connections only.',
      hint: expect.stringContaining('sslmode'),
    });
  });

  it.each([
    ['SSLRequest', sslRequest()],
    ['GSSENCRequest', gssEncRequest()],
  ])('bytes stuffed behind %s', async (_, request) => {
    const client = new RawClient(kept(await dialTcp(gw)));
    client.send(request, startup(ALICE));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('bytes behind an encryption request inside TLS', async () => {
    const client = new RawClient(kept(await dialTls(gw)));
    client.send(sslRequest(), startup(ALICE));
    // An `N` would be read as the type of a message: nothing of the kind may come before the error.
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('an ALPN protocol that is not served', async () => {
    await expect(dialTls(gw, ['smtp'])).rejects.toThrow(/no application protocol/i);
  });

  it('anything but PostgreSQL behind an SSLRequest', async () => {
    await expect(dialSslRequest(gw, ['h2', 'http/1.1'])).rejects.toThrow(/no application protocol/i);
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a startup packet of 100 MB', Buffer.from([6, 0, 0, 0, 0, 3, 0, 0])],
    ['a packet shorter than its own length', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0])],
    ['protocol 2.0', Buffer.from([0, 0, 0, 9, 0, 2, 0, 0, 0])],
  ])('%s in the clear', async (_, bytes) => {
    const client = new RawClient(kept(await dialTcp(gw)));
    client.send(bytes);
    const messages = await client.untilClosed();
    expect(errorIn(messages)?.severity ?? 'closed').toMatch(/FATAL|closed/);
    expect(messages.every(({ type }) => type === 'E')).toBe(true);
  });

  it.each([
    ['garbage', 'secret', '28P01', /not valid/],
    ['nothing', '', '28P01', /not valid/],
    ['a token of 40 KB', `gws_${'x'.repeat(40_000)}`, '28P01', /not valid/],
  ])('%s as password', async (_, token, sqlstate, message) => {
    expect(await refusalOf(await dialTls(gw), token)).toMatchObject({
      severity: 'FATAL',
      sqlstate,
      message: expect.stringMatching(message),
      hint: expect.stringContaining('gw token'),
    });
  });

  it('a session grant of which one character was changed', async () => {
    for (const at of [10, 200, grant.token.length - 5]) {
      const other = grant.token[at] === 'A' ? 'B' : 'A';
      const forged = grant.token.slice(0, at) + other + grant.token.slice(at + 1);
      expect(await refusalOf(await dialTls(gw), forged)).toMatchObject({ sqlstate: '28P01' });
    }
  });

  it('a session grant whose target was rewritten, under its old signature', async () => {
    const [header, payload, signature] = grant.token.slice('gws_'.length).split('.') as [
      string,
      string,
      string,
    ];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    claims.tgt = 'reporting';
    const forged = `gws_${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    expect(await refusalOf(await dialTls(gw), forged)).toMatchObject({ sqlstate: '28P01' });
  });

  it('a token of the identity provider as password', async () => {
    const { access_token } = await tokensFor(gw.idp, 'alice');
    expect(await refusalOf(await dialTls(gw), access_token)).toMatchObject({ sqlstate: '28P01' });
  });

  it('a session grant for another target, naming both and the way to the other', async () => {
    const other = await gw.sessionGrant('bob', 'reporting');
    expect(await refusalOf(await dialTls(gw), other.token)).toMatchObject({
      sqlstate: '42501',
      message: 'This session grant is for target "reporting", not for "prod-db".',
      hint: expect.stringContaining('gw token prod-db'),
    });
  });

  it('a message that is not a password where one is due', async () => {
    const client = new RawClient(kept(await dialTls(gw)));
    client.send(startup(ALICE), query('select 1'));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('a replication connection', async () => {
    const parameters: Parameters = [...ALICE, ['replication', 'database']];
    expect(await refusalOf(await dialTls(gw), grant.token, parameters)).toMatchObject({ sqlstate: '0A000' });
  });

  it('people whose groups do not reach the target: no session grant', async () => {
    await expect(gw.sessionGrant('carol')).rejects.toThrow(/404|403/);
  });
});

describe('the database by name', () => {
  it.each([
    ['the target', 'prod-db'],
    ['target/database', 'prod-db/shop'],
  ])('%s', async (_, database) => {
    const client = signIn(kept(await dialTls(gw)), grant.token, [
      ['user', 'x'],
      ['database', database],
    ]);
    await client.until('Z');
    client.send(query('select current_database()'));
    expect(firstColumn(await client.take('Z'))).toEqual(['shop']);
  });

  it('a database that the target does not offer is refused, and those it offers are named', async () => {
    expect(
      await refusalOf(await dialTls(gw), grant.token, [
        ['user', 'x'],
        ['database', 'prod-db/postgres'],
      ]),
    ).toMatchObject({ severity: 'FATAL', sqlstate: '3D000', hint: 'It offers: shop.' });
  });

  it('a name that is neither: the grant is for another target', async () => {
    expect(
      await refusalOf(await dialTls(gw), grant.token, [
        ['user', 'x'],
        ['database', 'postgres'],
      ]),
    ).toMatchObject({ severity: 'FATAL', sqlstate: '42501' });
  });
});

describe('limits before sign-in', () => {
  it.each([
    ['says nothing', async () => dialTcp(gw)],
    [
      'stops in the middle of a startup packet',
      async () => {
        const socket = await dialTcp(gw);
        socket.write(Buffer.from([0, 0]));
        return socket;
      },
    ],
    [
      'asks for TLS and does not begin it',
      async () => {
        const socket = await dialTcp(gw);
        socket.write(sslRequest());
        await nextBytes(socket);
        return socket;
      },
    ],
    ['does not say who it is inside TLS', async () => dialTls(gw)],
    [
      'does not give its password',
      async () => {
        const socket = await dialTls(gw);
        socket.write(startup(ALICE));
        return socket;
      },
    ],
  ])('a client that %s is cut after the time limit', async (_, dial) => {
    await withLimit('startupTimeoutMs', 150, async () => {
      const socket = kept(await dial());
      socket.resume();
      await new Promise<void>((done) => socket.once('close', () => done()));
    });
  });

  it('a session is not subject to it', async () => {
    await withLimit('startupTimeoutMs', 150, async () => {
      const client = await nativeSession(gw, grant);
      kept(client.socket);
      await new Promise((done) => setTimeout(done, 300));
      client.send(query('select 1'));
      expect(await client.until('Z')).toBe('TDCZ');
    });
  });

  it('with too many that never sign in, the oldest make room and people still get in', async () => {
    await withLimit('unauthenticatedConnections', 5, async () => {
      const silent: Socket[] = [];
      for (let i = 0; i < 3; i++) silent.push(kept(await dialTcp(gw)));
      for (let i = 0; i < 3; i++) silent.push(kept(await dialTls(gw)));
      for (const socket of silent) socket.resume();
      await eventually(() => silent[0]!.closed, 'the oldest is closed');
      const client = await nativeSession(gw, grant);
      kept(client.socket);
      await eventually(() => silent.filter(({ closed }) => closed).length === 2);
      // Who has signed in does not count and is not dropped.
      for (let i = 0; i < 8; i++) kept(await dialTcp(gw)).resume();
      client.send(query('select 1'));
      expect(await client.until('Z')).toBe('TDCZ');
    });
  });

  it('tunnels without a session count too', async () => {
    await withLimit('unauthenticatedConnections', 3, async () => {
      const idle: Socket[] = [];
      for (let i = 0; i < 4; i++) idle.push(kept(await dialTls(gw, ['h2'])));
      for (const socket of idle) socket.resume();
      await eventually(() => idle[0]!.closed, 'the oldest is closed');
      expect(idle.filter(({ closed }) => closed)).toHaveLength(1);
    });
  });
});

describe('CancelRequest', () => {
  const cancelled = async (dial: () => Promise<Socket>): Promise<void> => {
    const client = await nativeSession(gw, grant);
    kept(client.socket);
    client.send(query('select pg_sleep(60)'));
    await eventually(
      async () =>
        (await gw.postgres.query(`select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`))
          .length,
    );
    const socket = kept(await dial());
    socket.end(cancelRequest(client.processId, client.secret));
    expect(await nextBytes(socket)).toEqual(Buffer.alloc(0));
    expect(errorIn(await client.take('Z'))).toMatchObject({ severity: 'ERROR', sqlstate: '57014' });
  };

  it('in the clear, as psql before version 17 sends it', () => cancelled(() => dialTcp(gw)));
  it('inside TLS', () => cancelled(() => dialTls(gw)));
  it('inside TLS behind an SSLRequest', () => cancelled(() => dialSslRequest(gw)));

  it('with a wrong key stops nothing and says nothing', async () => {
    const client = await nativeSession(gw, grant);
    kept(client.socket);
    client.send(query('select pg_sleep(0.3)'));
    const wrong = Buffer.from(client.secret);
    wrong[0]! ^= 1;
    for (const secret of [wrong, Buffer.concat([client.secret, client.secret]), Buffer.alloc(32)]) {
      const socket = kept(await dialTls(gw));
      socket.end(cancelRequest(client.processId, secret));
      expect(await nextBytes(socket)).toEqual(Buffer.alloc(0));
    }
    expect(errorIn(await client.take('Z'))).toBeUndefined();
  });
});

describe('the main job', () => {
  it('node-postgres with verify-full reaches the shop, and the journal says who did what', async () => {
    const client = new pg.Client({ connectionString: gw.nativeUrl(grant) });
    await client.connect();
    const { rows } = await client.query('select name from customers where id = $1', [1]);
    expect(rows).toEqual([{ name: "Mateo O'Brien" }]);
    await client.end();
    const journal = JSON.stringify(await gw.journal());
    expect(journal).toContain('select name from customers where id = $1');
    expect(journal).toContain('alice');
    expect(journal).not.toContain(grant.token);
  });

  it('refused sign-ins are in the journal, with the reason and without the credential', async () => {
    await refusalOf(await dialTls(gw), 'gws_canary.of.arefusal');
    await eventually(async () =>
      (await gw.journal()).some(
        ({ record }) => record.event === 'sign_in_refused' && record.code === 'wrong_credential',
      ),
    );
    expect(JSON.stringify(await gw.journal())).not.toContain('canary');
  });
});
