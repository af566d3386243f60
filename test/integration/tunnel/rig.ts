import pg from 'pg';
import { peerGuard } from '../../../src/cli/tunnel/listener.ts';
import { closing, Tunnel, type TunnelEvents, type TunnelOptions } from '../../../src/cli/tunnel/tunnel.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { type ScriptedGateway, startScriptedGateway } from './scripted-gateway.ts';

/** A real PostgreSQL with a role that needs no password, and a scripted gateway before it. */
export interface Rig {
  readonly postgres: TestPostgres;
  readonly gateway: ScriptedGateway;
  stop(): Promise<void>;
}

export async function startRig(): Promise<Rig> {
  const postgres = await startPostgres({
    hba: ['host all alice 127.0.0.1/32 trust'],
    setup: 'create role alice login; grant create on schema public to alice',
  });
  const gateway = await startScriptedGateway(postgres.port);
  return {
    postgres,
    gateway,
    async stop() {
      await gateway.stop();
      await postgres.stop();
    },
  };
}

export interface OpenTunnel {
  readonly tunnel: Tunnel;
  readonly port: number;
  /** Names of events so far; `problem` and `down` with their code. */
  readonly heard: string[];
  client(): Promise<pg.Client>;
  close(): Promise<void>;
}

/** A tunnel with a port, in this process. */
export async function openTunnel(
  gateway: ScriptedGateway,
  options: Partial<TunnelOptions> = {},
): Promise<OpenTunnel> {
  const heard: string[] = [];
  const events: TunnelEvents = {
    down: (error) => heard.push(`down ${error.code}`),
    up: () => heard.push('up'),
    problem: (error) => heard.push(`problem ${error.code}`),
    recovered: () => heard.push('recovered'),
    ended: () => heard.push('ended'),
    count: () => {},
    stranger: () => heard.push('stranger'),
  };
  const tunnel = await Tunnel.open({ gateway, target: 'prod-db', clock: systemClock, events, ...options });
  const server = await tunnel.listener.listen({ kind: 'tcp', ports: [0] });
  tunnel.listener.guardWith((await peerGuard(server)) ?? { kind: 'folder' });
  return {
    tunnel,
    port: server.port,
    heard,
    client: () => connectClient(server.port),
    close: () => tunnel.close(closing()),
  };
}

/** A connected node-postgres client; how its connection ended is in `ended`. */
export async function connectClient(port: number, more: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'alice', database: 'postgres', ...more });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Waits until it is true. The test's own time limit ends the wait. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((done) => setTimeout(done, 10));
}
