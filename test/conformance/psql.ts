import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const FILE_TIMEOUT_MS = 300_000;
const DEBIAN = '/usr/lib/postgresql';

/** psql in PATH or where Debian puts it; undefined where there is none. */
export function findPsql(): string | undefined {
  const debian = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...debian];
  return folders.map((folder) => join(folder, 'psql')).find((file) => existsSync(file));
}

/** What PostgreSQL's own regression files expect of their environment; nothing of the caller's PG*. */
const ENVIRONMENT: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  PGTZ: 'PST8PDT',
  PGDATESTYLE: 'Postgres, MDY',
  PG_ABS_SRCDIR: '/nonexistent',
  PG_ABS_BUILDDIR: '/nonexistent',
  PG_LIBDIR: '/nonexistent',
  PG_DLSUFFIX: '.so',
  PSQL_PAGER: '',
  TERM: 'dumb',
};

/** Runs a file; everything psql prints goes into `outFile`. A file that hangs is cut after five minutes. */
export function runFile(psql: string, sqlFile: string, url: string, outFile: string): Promise<void> {
  return new Promise((done, reject) => {
    // One file for both streams, as a person sees them: psql flushes one before it writes the other.
    const output = openSync(outFile, 'w');
    const variables = ['-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on'];
    const child = spawn(psql, ['-X', '-a', '-q', '-d', url, ...variables, '-f', sqlFile], {
      stdio: ['ignore', output, output],
      env: ENVIRONMENT,
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_TIMEOUT_MS);
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      closeSync(output);
      done();
    });
  });
}
