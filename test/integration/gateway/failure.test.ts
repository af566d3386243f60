import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { readAudit } from '../../../src/gateway/journal/audit-lines.ts';
import { realDisk } from '../../../src/gateway/journal/disk.ts';
import { query, terminate } from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { startIdentityProvider, tokensFor } from '../../support/idp.ts';
import { dialTls, nativeSession, signIn } from '../../support/native-client.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { errorIn, type RawClient } from '../../support/raw-client.ts';
import { TunnelClient } from '../../support/tunnel-client.ts';

/** What holds when something that the gateway stands on goes away. */
let gw: TestGateway;
let control: TestPostgres;
let idp: Awaited<ReturnType<typeof startIdentityProvider>>;
let alice: SessionGrant;
const clients: { destroy(): void }[] = [];

beforeAll(async () => {
  [control, idp] = await Promise.all([startPostgres(), startIdentityProvider()]);
  gw = await startTestGateway({
    idp,
    configure: (document) => {
      const file = document.control_database.url.file;
      writeFileSync(file, control.url());
    },
  });
  alice = await gw.sessionGrant('alice');
});
afterAll(async () => {
  await gw?.stop();
  await Promise.all([control?.stop(), idp?.stop()]);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

const kept = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client);
  return client;
};
const session = async (grant = alice): Promise<RawClient> => kept(await nativeSession(gw, grant));
const tunnelled = async (): Promise<RawClient> => {
  const tunnel = kept(await TunnelClient.connect(gw));
  return kept(await tunnel.openSession(alice));
};
const works = async (client: RawClient): Promise<void> => {
  client.send(query('select 1'));
  expect(await client.until('Z')).toBe('TDCZ');
};
const refusal = async (grant = alice) =>
  errorIn(
    await kept(
      signIn(await dialTls(gw), grant.token, [
        ['user', 'x'],
        ['database', grant.target],
      ]),
    ).untilClosed(),
  );
const backends = async (): Promise<{ pid: number }[]> =>
  gw.postgres.query(`select pid from pg_stat_activity where application_name like 'gw:%'`);
const ready = async () => {
  const response = await fetch(`${gw.adminUrl}/readyz`);
  return { status: response.status, text: await response.text() };
};
/** Far more than fits into the buffers on the way. */
const ENDLESS = query(`select repeat('x', 10000) from generate_series(1, 1000000)`);

describe.each([
  ['natively', session],
  ['through a tunnel', tunnelled],
])('%s', (_, open) => {
  it('a client killed in the middle of a result leaves no backend behind', async () => {
    const client = await open();
    client.send(ENDLESS);
    await client.take('D', 20);
    client.destroy();
    await eventually(async () => (await backends()).length === 0, 'no backend is left');
    await eventually(async () => {
      for await (const line of readAudit(join(gw.folder, 'data', 'journal'))) {
        if (line.text?.includes('generate_series(1, 1000000)') && line.state === 'unfinished') return true;
      }
      return undefined;
    }, 'the journal says that it did not finish');
  });

  it('a client that stops reading, then is killed', async () => {
    const client = await open();
    client.socket.pause();
    client.send(ENDLESS);
    await eventually(
      async () =>
        (await gw.postgres.query(`select 1 from pg_stat_activity where wait_event = 'ClientWrite'`)).length,
      'the database waits for the client',
    );
    client.destroy();
    await eventually(async () => (await backends()).length === 0, 'no backend is left');
  });
});

describe('a client that says Terminate and goes without reading', () => {
  it('does not keep a statement running that sends to nobody', async () => {
    const client = await session();
    client.socket.pause();
    client.send(ENDLESS, terminate());
    await eventually(
      async () =>
        (await gw.postgres.query(`select 1 from pg_stat_activity where wait_event = 'ClientWrite'`)).length,
      'the database waits for the client',
    );
    client.destroy();
    await eventually(async () => (await backends()).length === 0, 'no backend is left');
  });

  it('a statement whose answer is short is carried out', async () => {
    await gw.postgres.query('create table goodbye (a int); grant all on goodbye to public', [], 'shop');
    const client = await session();
    client.send(query('insert into goodbye select 1 from pg_sleep(0.2)'), terminate());
    client.socket.end(() => client.destroy());
    await eventually(async () => (await gw.postgres.query('select * from goodbye', [], 'shop')).length);
  });
});

describe('the disk of the journal is full', () => {
  it('statements and sessions are refused with 58030 and do not run, readiness is red; it recovers by itself', async () => {
    await gw.postgres.query('create table full_disk (a text); grant all on full_disk to public', [], 'shop');
    const client = await session();
    const { write } = realDisk;
    realDisk.write = (_fd, _buffer, _length, _after, _position, done) =>
      setImmediate(() => done(Object.assign(new Error('no space'), { code: 'ENOSPC' }), 0));
    try {
      client.send(query(`insert into full_disk values ('first')`));
      expect(errorIn(await client.take('Z'))).toMatchObject({ severity: 'ERROR', sqlstate: '58030' });
      client.send(query(`insert into full_disk values ('second')`));
      expect(errorIn(await client.take('Z'))).toMatchObject({ severity: 'ERROR', sqlstate: '58030' });
      expect(await refusal()).toMatchObject({ severity: 'FATAL', sqlstate: '58030' });
      await expect(gw.sessionGrant('alice')).rejects.toThrow(/503.*journal/);
      const red = await ready();
      expect(red).toMatchObject({ status: 503, text: expect.stringContaining('journal') });
      expect(await (await fetch(`${gw.adminUrl}/metrics`)).text()).toContain('gw_journal_healthy 0');
    } finally {
      realDisk.write = write;
    }
    await eventually(async () => (await ready()).status === 200, 'ready again');
    client.send(query(`insert into full_disk values ('third')`));
    expect(await client.until('Z')).toBe('CZ');
    expect(await gw.postgres.query('select a from full_disk', [], 'shop')).toEqual([{ a: 'third' }]);
    const states: [string, string][] = [];
    for await (const line of readAudit(join(gw.folder, 'data', 'journal'))) {
      if (line.text?.includes('full_disk')) states.push([line.text.slice(-8), line.state]);
    }
    // The second never became a record: nothing was taken any more. What is there is said to have been refused.
    expect(states.at(-1)![1]).toBe('done');
    expect(states.slice(0, -1).every(([, state]) => state === 'refused')).toBe(true);
    expect(gw.log.join('')).toContain('journal_recovered');
  });
});

describe('the identity provider is away', () => {
  it('sessions and session grants in hand go on; who signs in anew is told that it cannot be reached', async () => {
    const client = await session();
    await gw.stopGateway();
    expect(errorIn(await client.untilClosed())).toMatchObject({ sqlstate: '57P01' });
    const { access_token } = await tokensFor(idp, 'alice');
    await idp.stop();
    await gw.startAgain();
    await works(await session());
    const answer = await fetchGrant(access_token);
    expect(answer).toMatchObject({
      status: 503,
      body: { error: { code: 'identity_provider_unreachable', hint: expect.any(String) } },
    });
    expect((await ready()).status).toBe(200);
  });
});

function fetchGrant(token: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'gw-api-version': '1',
    };
    request(
      `${gw.url}/v1/session-grants`,
      { method: 'POST', ca: gw.ca, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      },
    )
      .once('error', reject)
      .end(JSON.stringify({ target: 'prod-db' }));
  });
}
