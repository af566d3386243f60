import type { Secret } from '../../core/secret.ts';
import { ensureControlFolder } from './control-folder.ts';
import { type Database, openDatabase } from './database.ts';
import { type EmbeddedPostgres, startEmbedded } from './embedded.ts';
import { migrate } from './migrations.ts';
import { type NewSigningKey, type SigningKeyStore, signingKeyStore } from './signing-keys.ts';

/**
 * The control database: what several gateways share. It is trusted: whoever reads it can sign session grants.
 * What happened is not kept here first but in the journal.
 */
export interface StoreOptions {
  /** A PostgreSQL of the owner's, or the folder of an embedded one, e.g. `<data>/control`. */
  readonly at: { readonly url: Secret } | { readonly folder: string };
  readonly generateSigningKey: () => Promise<NewSigningKey>;
  /** Log lines of the embedded PostgreSQL. */
  readonly log?: (line: string) => void;
}

export interface GatewayRecord {
  readonly id: string;
  readonly name: string;
  readonly version: string;
}

export interface KnownGateway extends GatewayRecord {
  readonly startedAtMs: number;
  readonly lastSeenAtMs: number;
}

export interface SessionGrantRecord {
  readonly id: string;
  /** Stored as JSON; `id` must be in it. Never a token. */
  readonly identity: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly target: string;
  readonly gatewayId: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
}

export interface Store {
  readonly signingKeys: SigningKeyStore;
  /** A round trip. Throws what is wrong. */
  ping(): Promise<void>;
  registerGateway(gateway: GatewayRecord): Promise<void>;
  /** Says that a registered gateway lives; registers it again if it was forgotten meanwhile. */
  heartbeat(gateway: GatewayRecord): Promise<void>;
  /** At an orderly stop. */
  unregisterGateway(id: string): Promise<void>;
  /** Gateways seen within the last `withinMs`, by name. */
  gateways(withinMs: number): Promise<readonly KnownGateway[]>;
  recordSessionGrant(grant: SessionGrantRecord): Promise<void>;
  /** Where it is, for people: `embedded in /var/lib/gw/control` or `db.internal:5432`. */
  readonly description: string;
  close(): Promise<void>;
}

/** Opens, migrates, and is ready. Throws `configuration`, `database_unreachable`, `timeout` or `failed`. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url, embedded, description } = await place(options);
  let db: Database | undefined;
  const close = async (): Promise<void> => {
    await db?.close();
    await embedded?.stop();
  };
  try {
    db = openDatabase(url);
    await migrate(db);
    return {
      ...records(db),
      signingKeys: signingKeyStore(db, options.generateSigningKey),
      description,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Small: the control database has few rows and at most a handful of connections per gateway. */
const EMBEDDED_SETTINGS = { shared_buffers: '32MB', max_connections: '30' };

async function place({
  at,
  log,
}: StoreOptions): Promise<{ url: Secret; embedded?: EmbeddedPostgres; description: string }> {
  if ('url' in at) {
    const parsed = URL.parse(at.url.reveal());
    return { url: at.url, description: parsed?.host || parsed?.searchParams.get('host') || 'local socket' };
  }
  const { dataDir, password } = await ensureControlFolder(at.folder);
  const embedded = await startEmbedded({
    dataDir,
    password,
    superuser: 'gw',
    settings: EMBEDDED_SETTINGS,
    ...(log === undefined ? {} : { log }),
  });
  return { url: embedded.url(), embedded, description: `embedded in ${at.folder}` };
}

function records(db: Database): Omit<Store, 'signingKeys' | 'description' | 'close'> {
  const upsert = async (
    what: string,
    { id, name, version }: GatewayRecord,
    started: boolean,
  ): Promise<void> => {
    await db.query(
      what,
      `INSERT INTO gw.gateways (id, name, version) VALUES ($1, $2, $3)
       ON CONFLICT (id) DO UPDATE SET name = $2, version = $3, last_seen_at = now(),
         started_at = CASE WHEN $4 THEN now() ELSE gateways.started_at END`,
      [id, name, version, started],
    );
  };
  return {
    async ping() {
      await db.query('reach the control database', 'SELECT 1');
    },
    registerGateway: (gateway) => upsert('register this gateway', gateway, true),
    heartbeat: (gateway) => upsert('say that this gateway lives', gateway, false),
    async unregisterGateway(id) {
      await db.query('unregister this gateway', 'DELETE FROM gw.gateways WHERE id = $1', [id]);
    },
    async gateways(withinMs) {
      const rows = await db.query<{
        id: string;
        name: string;
        version: string;
        started_at: Date;
        last_seen_at: Date;
      }>(
        'list the gateways',
        `SELECT id, name, version, started_at, last_seen_at FROM gw.gateways
          WHERE last_seen_at > now() - $1 * interval '1 ms' ORDER BY name, id`,
        [withinMs],
      );
      return rows.map(({ id, name, version, started_at, last_seen_at }) => ({
        id,
        name,
        version,
        startedAtMs: started_at.getTime(),
        lastSeenAtMs: last_seen_at.getTime(),
      }));
    },
    async recordSessionGrant(grant) {
      await db.query(
        'record a session grant',
        `INSERT INTO gw.session_grants (id, identity, target, gateway_id, issued_at, expires_at, ends_at)
         VALUES ($1, $2, $3, $4, to_timestamp($5 / 1000.0), to_timestamp($6 / 1000.0), to_timestamp($7 / 1000.0))`,
        [
          grant.id,
          grant.identity,
          grant.target,
          grant.gatewayId,
          grant.issuedAtMs,
          grant.expiresAtMs,
          grant.endsAtMs,
        ],
      );
    },
  };
}
