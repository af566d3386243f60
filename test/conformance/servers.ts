import { startConnect } from '../support/connect.ts';
import { startTestGateway } from '../support/gateway.ts';
import { startIdentityProvider } from '../support/idp.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

/** Three fresh servers alike in everything, the third behind a gateway that runs as `gw serve`. */
export interface ConformanceServers {
  readonly direct: string;
  readonly again: string;
  /** To the third one by way of `gw connect`. */
  readonly tunnel: string;
  /** To the third one, straight to the gateway's port. */
  readonly native: string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Programs of another PostgreSQL. */
  readonly binDir?: string;
}

const DATABASE = 'regression';
/** As the database: psql compares the name it asked for with names in its commands. */
const TARGET = DATABASE;
const HOURS = 12;
/** What PostgreSQL's regression tests ask of a server. */
const SETTINGS = { max_prepared_transactions: '2', lc_messages: 'C', autovacuum: 'off' };

/** What was started, ended in the opposite order. */
type Stop = () => Promise<unknown>;

export async function startConformanceServers(options: ServerOptions = {}): Promise<ConformanceServers> {
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    const servers = await Promise.all([1, 2, 3].map(() => freshServer(options, stops)));
    const [direct, again, behind] = servers as [TestPostgres, TestPostgres, TestPostgres];
    const ways = await gatewayTo(behind, stops);
    return { direct: direct.url(DATABASE), again: again.url(DATABASE), ...ways, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freshServer({ binDir }: ServerOptions, stops: Stop[]): Promise<TestPostgres> {
  const hba = ['local all all trust', 'host all all 127.0.0.1/32 trust'];
  const server = await startPostgres({ settings: SETTINGS, hba, ...(binDir ? { binDir } : {}) });
  stops.push(() => server.stop());
  await server.query(`create database ${DATABASE} template template0`);
  return server;
}

/** The gateway has its control database elsewhere, so that nothing of its own is in the server that is compared. */
async function gatewayTo(
  behind: TestPostgres,
  stops: Stop[],
): Promise<Pick<ConformanceServers, 'tunnel' | 'native'>> {
  process.env.GW_CONFORMANCE_PASSWORD = behind.password;
  const idp = await startIdentityProvider({ accessTokenSeconds: HOURS * 3_600 });
  stops.push(() => idp.stop());
  const gateway = await startTestGateway({
    child: true,
    idp,
    configure(document) {
      document.audit = { durability: 'kernel' };
      document.session_grants = { ttl: `${HOURS}h`, session_limit: `${HOURS}h` };
      document.targets[TARGET] = {
        host: behind.host,
        port: behind.port,
        database: DATABASE,
        login: { user: behind.superuser, password: { env: 'GW_CONFORMANCE_PASSWORD' } },
        tls: { mode: 'disable' },
        connect: { groups: ['engineers'] },
      };
    },
  });
  stops.push(() => gateway.stop());
  const connected = await startConnect(gateway, TARGET);
  stops.push(() => connected.stop());
  return {
    tunnel: `postgres://${behind.superuser}@127.0.0.1:${connected.port}/${DATABASE}`,
    native: gateway.nativeUrl(await gateway.sessionGrant('alice', TARGET)),
  };
}
