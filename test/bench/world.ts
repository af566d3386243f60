import type { ChildProcess } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { makeCerts, type TestCerts } from '../support/certs.ts';
import { connectAs, signedInEnv } from '../support/connect.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type IdentityProvider, startIdentityProvider } from '../support/idp.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { tempDir } from '../support/temp.ts';
import { atEnd, untilEnd } from './clean-up.ts';
import type { Peer, PeerName } from './peers.ts';
import { pgbench } from './pgbench.ts';
import { startPgBouncer } from './pgbouncer.ts';
import type { Programs } from './programs.ts';

/**
 * Everything under measurement, started once: PostgreSQL without fsync, PgBouncers, gateways as child processes
 * (`gw serve` with everything on: TLS, sign-in, audit), and `gw connect` in front of each.
 */
export interface World {
  readonly postgres: TestPostgres;
  readonly peers: readonly Peer[];
  readonly programs: Programs;
  /** A gateway and its `gw connect`, apart from the others; for what would disturb them. */
  startOurs(options: OursOptions): Promise<Ours>;
}

export interface OursOptions {
  readonly durability: 'disk' | 'kernel';
  /** NODE_OPTIONS of the gateway and of `gw connect`. */
  readonly nodeOptions?: string;
  /** Where the target is; default: the database of the benchmark. */
  readonly upstreamPort?: number;
  readonly sessions?: number;
}

export interface Ours {
  readonly gateway: TestGateway;
  readonly gatewayProcess: ChildProcess;
  readonly connectProcess: ChildProcess;
  /** Environment of the CLI: signed in by GW_TOKEN. */
  readonly env: NodeJS.ProcessEnv;
  readonly grant: { readonly user: string; readonly token: string };
  readonly localPort: number;
  stop(): Promise<void>;
}

export const TARGET = 'bench';
export const DATABASE = 'bench';
/** Signs in without a password: deriving one costs a client of libpq 5 ms, and would hide what is measured. */
const ROLE = 'bench';
const DAY_SECONDS = 86_400;
const MAX_CONNECTIONS = 400;
const SESSIONS = 1_000;
const WARM_UP_SECONDS = 1;

export async function startWorld(programs: Programs, wanted: (peer: PeerName) => boolean): Promise<World> {
  if (programs.serverDir) process.env.GW_TEST_PG_BIN ??= programs.serverDir;
  const starting = startPostgres({
    settings: { max_connections: String(MAX_CONNECTIONS), shared_buffers: '512MB', max_wal_size: '4GB' },
    hba: ['host all all 127.0.0.1/32 trust'],
    setup: `create role ${ROLE} login superuser`,
  });
  const postgres = await untilEnd(starting, (started) => started.stop());
  await postgres.query(`create database ${DATABASE} owner ${ROLE}`);
  const idp = await startIdentityProvider({ accessTokenSeconds: DAY_SECONDS });
  atEnd(() => idp.stop());
  const certs = await makeCerts();
  const folder = tempDir('bench').path;
  chmodSync(folder, 0o711);
  const login = { user: ROLE, password: '' };
  const startOurs = (options: OursOptions): Promise<Ours> => startGatewayAndConnect(postgres, idp, options);
  const common = { database: DATABASE, user: login.user, tls: false, password: login.password };
  const peers: Peer[] = [{ ...common, name: 'direct', port: postgres.port, processes: [] }];
  if (programs.pgbouncer) {
    peers.push(...(await startPgBouncers(programs.pgbouncer, folder, certs, postgres.port, login, wanted)));
  }
  for (const durability of ['disk', 'kernel'] as const) {
    const names = durability === 'disk' ? OURS_DISK : OURS_KERNEL;
    if (wanted(names.connect) || wanted(names.native)) {
      peers.push(...peersOf(await startOurs({ durability }), names));
    }
  }
  return { postgres, programs, startOurs, peers: peers.filter(({ name }) => wanted(name)) };
}

const OURS_DISK = { connect: 'gw-connect', native: 'gw-native' } as const;
const OURS_KERNEL = { connect: 'gw-connect-kernel', native: 'gw-native-kernel' } as const;

/** The two ways through it: the tunnel, and the native port. */
export function peersOf(
  ours: Ours,
  names: { readonly connect: PeerName; readonly native: PeerName },
): [Peer, Peer] {
  const gateway = { name: 'gateway', pid: ours.gatewayProcess.pid! };
  const common = { user: ours.grant.user };
  return [
    {
      ...common,
      name: names.connect,
      port: ours.localPort,
      database: DATABASE,
      tls: false,
      password: '',
      processes: [{ name: 'gw connect', pid: ours.connectProcess.pid! }, gateway],
    },
    {
      ...common,
      name: names.native,
      port: ours.gateway.port,
      database: TARGET,
      tls: true,
      password: ours.grant.token,
      processes: [gateway],
    },
  ];
}

async function startPgBouncers(
  program: string,
  parent: string,
  certs: TestCerts,
  upstreamPort: number,
  login: { user: string; password: string },
  wanted: (peer: PeerName) => boolean,
): Promise<Peer[]> {
  const common = { program, login, database: DATABASE, upstreamPort };
  const start = (name: string, options: object): ReturnType<typeof startPgBouncer> =>
    startPgBouncer({ ...common, folder: join(parent, name), ...options });
  const peer = { database: DATABASE, user: login.user, password: login.password };
  const peers: Peer[] = [];
  if (wanted('pgbouncer')) {
    const { port, pid } = await start('plain', {});
    peers.push({ ...peer, name: 'pgbouncer', tls: false, port, processes: [{ name: 'pgbouncer', pid }] });
  }
  if (wanted('pgbouncer-tls')) {
    const { port, pid } = await start('tls', { clientTls: certs });
    peers.push({ ...peer, name: 'pgbouncer-tls', tls: true, port, processes: [{ name: 'pgbouncer', pid }] });
  }
  if (wanted('pgbouncer-two')) {
    const second = await start('second', { clientTls: certs });
    const first = await start('first', { upstreamPort: second.port, upstreamTls: true });
    const processes = [
      { name: 'first', pid: first.pid },
      { name: 'second', pid: second.pid },
    ];
    peers.push({ ...peer, name: 'pgbouncer-two', tls: false, port: first.port, processes });
  }
  return peers;
}

async function startGatewayAndConnect(
  postgres: TestPostgres,
  idp: IdentityProvider,
  { durability, upstreamPort = postgres.port, sessions = SESSIONS, nodeOptions = '' }: OursOptions,
): Promise<Ours> {
  // A gateway of the tests takes its environment from this process.
  process.env.NODE_OPTIONS = nodeOptions;
  const starting = startTestGateway({
    child: true,
    idp,
    postgres,
    upstreamTls: false,
    configure(document) {
      const shop = document.targets['prod-db'];
      document.audit = { durability };
      document.drain = '1s';
      document.session_grants = { ttl: '12h', session_limit: '24h' };
      document.limits = { sessions, sessions_per_identity: sessions };
      document.targets[TARGET] = { ...shop, host: '127.0.0.1', port: upstreamPort, database: DATABASE };
      document.targets[TARGET].login = { user: ROLE };
    },
  });
  const gateway = await untilEnd(starting, (started) => started.stop());
  delete process.env.NODE_OPTIONS;
  const env = await signedInEnv(gateway);
  const grant = await gateway.sessionGrant('alice', TARGET);
  const connecting = connectAs({ ...env, NODE_OPTIONS: nodeOptions }, TARGET);
  const connected = await untilEnd(connecting, (started) => started.stop());
  return {
    gateway,
    gatewayProcess: gateway.child!.process,
    connectProcess: connected.process,
    env,
    grant,
    localPort: connected.port,
    async stop() {
      await connected.stop();
      await gateway.stopGateway();
    },
  };
}

/** What pgbench -S reads, as `pgbench -i` makes it, so that the bulk cases need no pgbench. */
function tablesOf(scale: number): string {
  return `
    create table pgbench_branches (bid int primary key, bbalance int, filler char(88));
    create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100);
    insert into pgbench_branches (bid, bbalance) select b, 0 from generate_series(1, ${scale}) as b;
    insert into pgbench_accounts select a, (a - 1) / 100000 + 1, 0, '' from generate_series(1, ${scale * 100_000}) as a;
    alter table pgbench_accounts add primary key (aid)`;
}

/** Fills the tables; then each way is used once, so that no first round counts. */
export async function fillAndWarm({ postgres, programs, peers }: World, scale: number): Promise<void> {
  await postgres.query(tablesOf(scale), [], DATABASE);
  await postgres.query('vacuum analyze', [], DATABASE);
  await postgres.query('checkpoint');
  if (!programs.pgbench) return;
  for (const peer of peers) {
    const options = { program: programs.pgbench, clients: 4, length: { seconds: WARM_UP_SECONDS } } as const;
    for (const protocol of ['prepared', 'simple'] as const) await pgbench(peer, { ...options, protocol });
  }
}
