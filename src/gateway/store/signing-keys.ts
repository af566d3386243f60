import { LIMITS } from '../../core/limits.ts';
import { Secret } from '../../core/secret.ts';
import type { Database, Run } from './database.ts';

/** The keys that sign session grants, shared by all gateways of one control database. */
export interface StoredSigningKey {
  readonly kid: string;
  /** JWS algorithm, e.g. `ES256`. */
  readonly algorithm: string;
  readonly privateKeyPem: Secret;
  readonly createdAtMs: number;
  /** Set: verifies only. */
  readonly retiredAtMs: number | undefined;
}

export interface NewSigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKeyPem: string;
}

export interface SigningKeyStore {
  /**
   * The key that signs now first, then those that only verify, newest first. Makes the first key, and a new one
   * when the current is older than {@link LIMITS.signingKeyAgeMs}; of several gateways that try, one does.
   */
  usable(): Promise<readonly [StoredSigningKey, ...StoredSigningKey[]]>;
  /** A key that may verify, by its id; asks the database each time. */
  find(kid: string): Promise<StoredSigningKey | undefined>;
}

interface Row {
  readonly kid: string;
  readonly algorithm: string;
  readonly private_key_pem: string;
  readonly created_at: Date;
  readonly retired_at: Date | null;
}

const COLUMNS = 'kid, algorithm, private_key_pem, created_at, retired_at';
const STILL_VERIFIES = `(retired_at IS NULL OR retired_at > now() - $1 * interval '1 ms')`;
const LOCK = 0x6777_0002;

/** @param generate makes a fresh key; called only when one is needed */
export function signingKeyStore(db: Database, generate: () => Promise<NewSigningKey>): SigningKeyStore {
  return {
    async usable() {
      const rows = await db.query<Row & { fresh: boolean }>(
        'read the signing keys',
        `SELECT ${COLUMNS}, retired_at IS NULL AND created_at > now() - $2 * interval '1 ms' AS fresh
           FROM gw.signing_keys WHERE ${STILL_VERIFIES} ORDER BY retired_at IS NULL DESC, created_at DESC`,
        [LIMITS.signingKeyKeepMs, LIMITS.signingKeyAgeMs],
      );
      const keys = rows.map(fromRow);
      const [first, ...rest] = keys;
      if (first !== undefined && rows[0]!.fresh) return [first, ...rest];
      const current = await rotate(db, generate);
      return [current, ...keys.filter(({ kid }) => kid !== current.kid)];
    },
    async find(kid) {
      const [row] = await db.query<Row>(
        'read a signing key',
        `SELECT ${COLUMNS} FROM gw.signing_keys WHERE kid = $2 AND ${STILL_VERIFIES}`,
        [LIMITS.signingKeyKeepMs, kid],
      );
      return row && fromRow(row);
    },
  };
}

/** Under the lock: somebody else may have made the key meanwhile. */
async function rotate(db: Database, generate: () => Promise<NewSigningKey>): Promise<StoredSigningKey> {
  return db.transaction('renew the signing key', async (run) => {
    await run('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const [fresh] = await run<Row>(
      `SELECT ${COLUMNS} FROM gw.signing_keys
        WHERE retired_at IS NULL AND created_at > now() - $1 * interval '1 ms' ORDER BY created_at DESC LIMIT 1`,
      [LIMITS.signingKeyAgeMs],
    );
    return fresh === undefined ? insert(run, await generate()) : fromRow(fresh);
  });
}

async function insert(run: Run, key: NewSigningKey): Promise<StoredSigningKey> {
  await run(`DELETE FROM gw.signing_keys WHERE NOT ${STILL_VERIFIES}`, [LIMITS.signingKeyKeepMs]);
  await run('UPDATE gw.signing_keys SET retired_at = now() WHERE retired_at IS NULL');
  const [row] = await run<Row>(
    `INSERT INTO gw.signing_keys (kid, algorithm, private_key_pem, created_at)
       VALUES ($1, $2, $3, clock_timestamp()) RETURNING ${COLUMNS}`,
    [key.kid, key.algorithm, key.privateKeyPem],
  );
  return fromRow(row!);
}

function fromRow(row: Row): StoredSigningKey {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    privateKeyPem: new Secret(row.private_key_pem),
    createdAtMs: row.created_at.getTime(),
    retiredAtMs: row.retired_at?.getTime(),
  };
}
