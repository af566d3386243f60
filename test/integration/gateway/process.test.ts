import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../../src/gateway/journal/audit-lines.ts';
import { query } from '../../../src/wire/build-frontend.ts';
import { writeCerts } from '../../support/certs.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { dialTls, firstColumn, nativeSession } from '../../support/native-client.ts';
import { errorIn, type RawClient } from '../../support/raw-client.ts';
import { TunnelClient } from '../../support/tunnel-client.ts';

/** `gw serve` as a process: signals, and what is left of it when it is killed. */
let gw: TestGateway;
let log = '';
const clients: { destroy(): void }[] = [];

beforeAll(async () => {
  gw = await startTestGateway({
    child: true,
    configure: (document) => {
      document.drain = '1s';
    },
  });
  listen();
});
afterAll(() => gw?.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
});

function listen(): void {
  log = '';
  gw.child!.process.stderr!.on('data', (chunk) => {
    log += String(chunk);
  });
}

const logged = (event: string): Record<string, unknown>[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter((line) => line.event === event);

async function session(login = 'alice'): Promise<RawClient> {
  const client = await nativeSession(gw, await gw.sessionGrant(login));
  clients.push(client);
  return client;
}

const works = async (client: RawClient): Promise<void> => {
  client.send(query('select 1'));
  expect(await client.until('Z')).toBe('TDCZ');
};

// biome-ignore lint/suspicious/noExplicitAny: the document of a configuration file
function rewrite(change: (document: any) => void): void {
  const document = JSON.parse(readFileSync(gw.configFile, 'utf8'));
  change(document);
  writeFileSync(gw.configFile, JSON.stringify(document, null, 2));
}

async function hangUp(event: string): Promise<Record<string, unknown>> {
  const before = logged(event).length;
  gw.child!.process.kill('SIGHUP');
  await eventually(() => logged(event).length > before, event);
  return logged(event).at(-1)!;
}

describe('SIGHUP', () => {
  it('takes a good file into use: a new target, while sessions go on', async () => {
    const client = await session();
    rewrite((document) => {
      document.targets.extra = { ...document.targets['prod-db'], description: 'new' };
    });
    expect(await hangUp('config_reloaded')).toMatchObject({ targets: 3 });
    await gw.sessionGrant('alice', 'extra');
    await works(client);
    const loaded = (await gw.journal())
      .map(({ record }) => record)
      .filter(({ event }) => event === 'config_loaded');
    expect(loaded.map(({ reload }) => reload)).toEqual([false, true]);
    expect(loaded[0]!.sha256).not.toBe(loaded[1]!.sha256);
  });

  it('a bad file keeps the old, and log and journal say what is wrong with it', async () => {
    const good = readFileSync(gw.configFile, 'utf8');
    rewrite((document) => {
      delete document.targets;
      document.lissten = '0.0.0.0:1';
    });
    const refused = await hangUp('config_refused');
    expect(refused).toMatchObject({ level: 'error', problems: expect.any(Number) });
    expect(refused.message).toMatch(/lissten/);
    const record = await eventually(async () =>
      (await gw.journal()).map(({ record }) => record).find(({ event }) => event === 'config_refused'),
    );
    expect(record).toMatchObject({ path: gw.configFile, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await works(await session());
    writeFileSync(gw.configFile, '{ not yaml: [');
    await hangUp('config_refused');
    await works(await session());
    writeFileSync(gw.configFile, good);
    await hangUp('config_reloaded');
  });

  it('settings that are read once are named', async () => {
    rewrite((document) => {
      document.audit = { durability: 'kernel' };
    });
    expect(await hangUp('restart_needed')).toMatchObject({ level: 'warn', settings: 'audit' });
    rewrite((document) => {
      delete document.audit;
    });
    await hangUp('config_reloaded');
  });

  it('a renewed certificate is shown', async () => {
    const serial = async (): Promise<string> => {
      const socket = await dialTls(gw);
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const before = await serial();
    writeCerts(gw.folder, { ...(await gw.certs.authority.issue()), ca: gw.ca });
    await hangUp('config_reloaded');
    expect(await serial()).not.toBe(before);
  });

  it('many at once do no harm', async () => {
    const before = logged('config_reloaded').length;
    for (let i = 0; i < 20; i++) gw.child!.process.kill('SIGHUP');
    await eventually(() => logged('config_reloaded').length > before);
    await works(await session());
  });
});

describe('SIGTERM', () => {
  it('drains: what runs finishes, an idle session is told 57P01 at the deadline, readiness is red at once', async () => {
    const idle = await session();
    const busy = await session('bob');
    const tunnel = await TunnelClient.connect(gw);
    clients.push(tunnel);
    const tunnelled = await tunnel.openSession(await gw.sessionGrant('alice'));
    busy.send(query('select pg_sleep(0.4), 42'));
    const { child } = gw;
    const began = performance.now();
    child!.process.kill('SIGTERM');
    await eventually(() => tunnel.goaway, 'GOAWAY');
    expect((await fetch(`${gw.adminUrl}/readyz`)).status).toBe(503);
    await expect(dialTls(gw)).rejects.toThrow();
    expect((await busy.take('Z')).map(({ type }) => type).join('')).toBe('TDCZ');
    for (const client of [idle, busy, tunnelled]) {
      expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '57P01' });
    }
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(await child!.ended).toBe(0);
    expect(logged('stopped')).toHaveLength(1);
    const last = (await gw.journal()).map(({ record }) => record.event);
    expect(last.at(-1)).toBe('gateway_stopped');
    expect(last.filter((event) => event === 'session_started').length).toBe(
      last.filter((event) => event === 'session_ended').length,
    );
  });

  it('a second one does not wait', async () => {
    await gw.stopGateway();
    rewriteDrain('1h');
    await gw.startAgain();
    listen();
    const client = await session();
    const { child } = gw;
    child!.process.kill('SIGTERM');
    await eventually(() => logged('stopping').length);
    child!.process.kill('SIGTERM');
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '57P01' });
    expect(await child!.ended).toBe(0);
    const stopped = (await gw.journal()).filter(({ record }) => record.event === 'gateway_stopped');
    expect(stopped).toHaveLength(2);
  });
});

/** `startAgain` writes the file anew from the document that `reconfigure` changes. */
function rewriteDrain(drain: string): void {
  void gw.reconfigure((document) => {
    document.drain = drain;
  });
}

describe('kill -9', () => {
  it('every acknowledged statement is in the journal, and the same data folder serves again', async () => {
    await gw.stopGateway();
    await gw.startAgain();
    listen();
    const grant = await gw.sessionGrant('alice');
    const acknowledged: string[] = [];
    const sessions = await Promise.all(Array.from({ length: 6 }, () => nativeSession(gw, grant)));
    clients.push(...sessions);
    const work = sessions.map(async (client, n) => {
      for (let i = 0; ; i++) {
        const text = `select 'killed ${n}.${i}'`;
        client.send(query(text));
        await client.take('Z');
        acknowledged.push(text);
      }
    });
    const ended = Promise.allSettled(work);
    await eventually(() => acknowledged.length > 300);
    const { child } = gw;
    child!.process.kill('SIGKILL');
    await child!.ended;
    await ended;
    await gw.stopGateway();
    await gw.startAgain();
    listen();
    const texts = new Map<string, string>();
    for await (const line of readAudit(join(gw.folder, 'data', 'journal'))) {
      if (line.text?.includes('killed')) texts.set(line.text, line.state);
    }
    expect(acknowledged.filter((text) => !texts.has(text))).toEqual([]);
    // The one of each session that was under way may be there too, as unfinished.
    expect(texts.size).toBeLessThanOrEqual(acknowledged.length + sessions.length);
    // A session grant issued before still opens sessions.
    const client = await nativeSession(gw, grant);
    clients.push(client);
    client.send(query('select 7'));
    expect(firstColumn(await client.take('Z'))).toEqual(['7']);
    await eventually(
      async () =>
        (await gw.postgres.query(`select 1 from pg_stat_activity where application_name like 'gw:%'`))
          .length === 1,
      'the database has let go of the sessions of the killed one',
    );
  });
});
