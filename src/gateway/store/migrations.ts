import { createHash } from 'node:crypto';
import { GwError } from '../../core/errors.ts';
import { VERSION } from '../../core/version.ts';
import type { Database, Run } from './database.ts';
import { controlState } from './migrations/0001-control-state.ts';

/**
 * Forward-only migrations. All that are missing run in one transaction under an advisory lock: gateways that
 * start at once wait for each other, and a failure leaves the database as it was. What ran is recorded with a
 * checksum, so that a migration that was edited later, or a database of a newer gw, is noticed and refused.
 */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/** In order, numbered 1, 2, 3…; new ones go to the end, old ones never change. */
export const MIGRATIONS: readonly Migration[] = [controlState];

/** Any number, the same in every gw: "gw" in ASCII, then 1. */
const LOCK = 0x6777_0001;

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly gw_version: string;
}

/** Brings the database up to date. Throws `configuration` when it is of a newer gw or was tampered with. */
export async function migrate(db: Database, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  await db.transaction('prepare the control database', async (run) => {
    await run('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const applied = await readApplied(run);
    refuseUnknown(applied, migrations);
    for (const migration of migrations.slice(applied.length)) {
      await run(migration.sql);
      await run('INSERT INTO gw.migrations (number, name, checksum, gw_version) VALUES ($1, $2, $3, $4)', [
        migration.number,
        migration.name,
        checksum(migration),
        VERSION,
      ]);
    }
  });
}

async function readApplied(run: Run): Promise<Applied[]> {
  const [found] = await run<{ present: boolean }>(
    `SELECT to_regclass('gw.migrations') IS NOT NULL AS present`,
  );
  if (!found?.present) {
    await run('CREATE SCHEMA IF NOT EXISTS gw');
    await run(`CREATE TABLE gw.migrations (
      number     int PRIMARY KEY,
      name       text NOT NULL,
      checksum   text NOT NULL,
      gw_version text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
  }
  return run<Applied>('SELECT number, name, checksum, gw_version FROM gw.migrations ORDER BY number');
}

function refuseUnknown(applied: readonly Applied[], migrations: readonly Migration[]): void {
  const newest = applied.at(-1);
  if (newest !== undefined && newest.number > migrations.length) {
    throw new GwError(
      'configuration',
      `The control database belongs to a newer gw (${newest.gw_version}); this is ${VERSION}.`,
      {
        detail: `It has migration ${newest.number} "${newest.name}"; this gw knows ${migrations.length}.`,
        hint: `Install gw ${newest.gw_version} or newer, or give this gateway its own control database.`,
      },
    );
  }
  applied.forEach((row, index) => {
    const known = migrations[index];
    if (known !== undefined && row.number === known.number && row.checksum === checksum(known)) return;
    throw new GwError(
      'configuration',
      `Migration ${row.number} "${row.name}" of the control database is not the one of this gw.`,
      {
        detail: `It was applied by gw ${row.gw_version}.`,
        hint: 'Run a released gw, or restore the control database from a backup.',
      },
    );
  });
}

function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex');
}
