import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { query } from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { dialTls, firstColumn, nativeSession, signIn } from '../../support/native-client.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { errorIn, type RawClient } from '../../support/raw-client.ts';
import { TunnelClient } from '../../support/tunnel-client.ts';

/** The control database goes away, then the target's server: in this order, as neither comes back. */
let gw: TestGateway;
let control: TestPostgres;
let alice: SessionGrant;
const clients: { destroy(): void }[] = [];

beforeAll(async () => {
  control = await startPostgres();
  gw = await startTestGateway({
    configure: (document) => writeFileSync(document.control_database.url.file, control.url()),
  });
  alice = await gw.sessionGrant('alice');
});
afterAll(async () => {
  await gw?.stop();
  await control?.stop();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

const kept = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client);
  return client;
};
const session = async (): Promise<RawClient> => kept(await nativeSession(gw, alice));
const tunnelled = async (): Promise<RawClient> =>
  kept(await kept(await TunnelClient.connect(gw)).openSession(alice));
const works = async (client: RawClient): Promise<void> => {
  client.send(query('select 1'));
  expect(await client.until('Z')).toBe('TDCZ');
};
const ENDLESS = query(`select repeat('x', 10000) from generate_series(1, 1000000)`);

describe('the control database is away', () => {
  it('sessions go on, session grants in hand open more, new ones are refused with a clear error', async () => {
    const client = await session();
    await control.stop();
    await works(client);
    await works(await session());
    await works(await tunnelled());
    await expect(gw.sessionGrant('alice')).rejects.toThrow(/50[23].*control database/i);
  });
});

describe('the server of the target', () => {
  it('a backend killed with SIGKILL: every session of the server is told why or that it was lost; the next one works', async () => {
    const [victim, bystander] = [await session(), await tunnelled()];
    victim.send(query('select pg_backend_pid()'));
    const pid = Number(firstColumn(await victim.take('Z'))[0]);
    victim.send(ENDLESS);
    await victim.take('D', 20);
    process.kill(pid, 'SIGKILL');
    const words = errorIn(await victim.untilClosed());
    // In the middle of a message nothing may be said; between two it may.
    if (words) expect(words.severity).toBe('FATAL');
    expect(errorIn(await bystander.untilClosed())).toMatchObject({
      severity: expect.stringMatching(/FATAL|WARNING/),
    });
    await eventually(async () => {
      const next = signIn(await dialTls(gw), alice.token, [
        ['user', 'x'],
        ['database', 'prod-db'],
      ]);
      kept(next);
      return (await next.until('Z', 1, true)).endsWith('Z');
    }, 'a session after the restart');
  });

  it('stopped in immediate mode in the middle of a result: sessions end, the gateway stays and says 08001', async () => {
    const [busy, idle] = [await session(), await tunnelled()];
    busy.send(ENDLESS);
    await busy.take('D', 20);
    process.kill(gw.postgres.pid, 'SIGQUIT');
    await busy.untilClosed();
    await idle.untilClosed();
    await eventually(async () => {
      const client = kept(
        signIn(await dialTls(gw), alice.token, [
          ['user', 'x'],
          ['database', 'prod-db'],
        ]),
      );
      return errorIn(await client.untilClosed())?.sqlstate === '08001';
    }, '08001');
    expect((await fetch(`${gw.adminUrl}/healthz`)).status).toBe(200);
    await eventually(
      async () =>
        /gw_sessions\{target="prod-db"\} 0/.test(await (await fetch(`${gw.adminUrl}/metrics`)).text()),
      'no session is counted',
    );
  });
});
