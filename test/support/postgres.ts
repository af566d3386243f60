import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { Secret } from '../../src/core/secret.ts';
import { type EmbeddedOptions, startEmbedded } from '../../src/gateway/store/embedded.ts';
import { tempDir } from './temp.ts';

/**
 * A real PostgreSQL for a test file: one per file at most, started in `beforeAll`, stopped in `afterAll`.
 * GW_TEST_PG_BIN names the programs of another version, e.g. /usr/lib/postgresql/15/bin.
 */
export interface TestPostgres {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  readonly pid: number;
  /** Major version of the server. */
  readonly major: number;
  /** Folder of the Unix socket. */
  readonly socketDir: string;
  /** URL with the superuser's password; `user` and `password` for another role. */
  url(database?: string, user?: string, password?: string): string;
  /** Runs as superuser in database `postgres`, or as named, and returns the rows. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    sql: string,
    parameters?: unknown[],
    database?: string,
    as?: { readonly user: string; readonly password: string },
  ): Promise<Row[]>;
  /** Server log so far. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

export type TestPostgresOptions = Partial<Omit<EmbeddedOptions, 'password' | 'log' | 'dataDir'>> & {
  /** SQL run as superuser after the start. */
  readonly setup?: string;
  /** Certificate and key as PEM: the server speaks TLS. `ca` makes it verify client certificates. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
};

export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const { setup, tls, settings, files, ...rest } = options;
  const folder = tempDir('pg');
  chmodSync(folder.path, 0o711); // the server's user passes through
  const password = randomBytes(12).toString('base64url');
  const socketDir = join(folder.path, 's');
  const log: string[] = [];
  const server = await startEmbedded({
    durable: false,
    socketDir,
    ...(process.env.GW_TEST_PG_BIN ? { binDir: process.env.GW_TEST_PG_BIN } : {}),
    ...rest,
    dataDir: join(folder.path, 'data'),
    password: new Secret(password),
    settings: { ...tlsSettings(tls), ...settings },
    files: { ...tlsFiles(tls), ...files },
    log: (line) => log.push(line),
  });
  const url: TestPostgres['url'] = (database = 'postgres', user = server.superuser, secret = password) =>
    `postgres://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@${server.host}:${server.port}/${encodeURIComponent(database)}`;
  const query: TestPostgres['query'] = async (sql, parameters, database, as) => {
    const client = new pg.Client({ connectionString: url(database, as?.user, as?.password) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql, parameters)).rows;
    } finally {
      await client.end();
    }
  };
  const stop = async (): Promise<void> => {
    await server.stop();
    folder[Symbol.dispose]();
  };
  try {
    const [{ version }] = (await query(`select current_setting('server_version_num')::int as version`)) as [
      { version: number },
    ];
    if (setup !== undefined) await query(setup);
    const { host, port, superuser, pid } = server;
    return {
      host,
      port,
      superuser,
      password,
      pid,
      major: Math.floor(version / 10_000),
      socketDir,
      url,
      query,
      log,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function tlsSettings(tls: TestPostgresOptions['tls']): Record<string, string> {
  if (tls === undefined) return {};
  const ca: Record<string, string> = tls.ca === undefined ? {} : { ssl_ca_file: 'ca.crt' };
  return { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ...ca };
}

function tlsFiles(tls: TestPostgresOptions['tls']): Record<string, string> {
  if (tls === undefined) return {};
  const ca: Record<string, string> = tls.ca === undefined ? {} : { 'ca.crt': tls.ca };
  return { 'server.crt': tls.cert, 'server.key': tls.key, ...ca };
}
