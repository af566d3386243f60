import { connect } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { peerGuard } from '../../../src/cli/tunnel/listener.ts';
import { closing, Tunnel } from '../../../src/cli/tunnel/tunnel.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { type ScriptedGateway, startScriptedGateway } from './scripted-gateway.ts';

let postgres: TestPostgres;
let gateway: ScriptedGateway;
let tunnel: Tunnel;
let port: number;

beforeAll(async () => {
  postgres = await startPostgres({
    hba: ['host all alice 127.0.0.1/32 trust'],
    setup: 'create role alice login; grant create on schema public to alice',
  });
  gateway = await startScriptedGateway(postgres.port);
  tunnel = await Tunnel.open({ gateway, target: 'prod-db', clock: systemClock });
  const server = await tunnel.listener.listen({ kind: 'tcp', ports: [0] });
  tunnel.listener.guardWith((await peerGuard(server))!);
  port = server.port;
});

afterAll(async () => {
  await tunnel?.close(closing());
  await gateway?.stop();
  await postgres?.stop();
});

async function client(): Promise<pg.Client> {
  const made = new pg.Client({ host: '127.0.0.1', port, user: 'alice', database: 'postgres' });
  made.on('error', () => {});
  await made.connect();
  return made;
}

describe('a tunnel', () => {
  it('carries a session', async () => {
    const one = await client();
    expect((await one.query('select 1 + 1 as two')).rows).toEqual([{ two: 2 }]);
    await one.end();
  });
  it('probes', async () => {
    console.log(await tunnel.probe('postgres'));
  });
});
