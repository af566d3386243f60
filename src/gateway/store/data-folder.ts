import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Secret } from '../../core/secret.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { canEnter, type RunAs } from './run-as.ts';

/**
 * A PostgreSQL data folder: made beside its place and moved there when complete, so that it is whole or absent
 * whatever dies when. Files we add later are created under a fresh name and renamed, because the folder
 * belongs to an unprivileged user: nothing placed there may lead our root hand elsewhere.
 */

const run = promisify(execFile);

export interface NewCluster {
  readonly superuser: string;
  readonly password: Secret;
  /** false: for data that is thrown away. */
  readonly durable: boolean;
}

/** The environment of PostgreSQL's programs: nothing of ours, no locale or time zone of the machine. */
export const POSTGRES_ENV = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Makes the data folder unless it exists. Throws `configuration` on a folder that is something else. */
export async function ensureCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  runAs: RunAs | undefined,
  options: NewCluster,
): Promise<void> {
  const parent = dirname(dataDir);
  await mkdir(parent, { recursive: true });
  await checkReachable(parent, runAs);
  if ((await versionOf(dataDir)) === undefined) await createCluster(dataDir, binaries, runAs, options);
  const version = await versionOf(dataDir);
  if (version !== String(binaries.major)) {
    throw new GwError(
      'configuration',
      `The data folder ${dataDir} is of PostgreSQL ${version}; this gw brings ${binaries.major}.`,
      { hint: 'Dump it with its own version and restore, or set GW_DATABASE_URL.' },
    );
  }
}

/** Writes a file into the data folder, readable by the server only. Replaces what had the name. */
export async function writeInside(
  dataDir: string,
  name: string,
  text: string,
  runAs: RunAs | undefined,
): Promise<void> {
  const fresh = join(dataDir, `.gw-${randomBytes(9).toString('hex')}`);
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(text);
    if (runAs !== undefined) await file.chown(runAs.uid, runAs.gid);
  } finally {
    await file.close();
  }
  await rename(fresh, join(dataDir, name));
}

async function createCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  runAs: RunAs | undefined,
  options: NewCluster,
): Promise<void> {
  const work = await mkdtemp(join(dirname(dataDir), `.${basename(dataDir)}-`));
  try {
    if (runAs !== undefined) await chown(work, runAs.uid, runAs.gid);
    await writeInside(work, 'password', `${options.password.reveal()}\n`, runAs);
    await initdb(join(work, 'data'), join(work, 'password'), binaries, runAs, options);
    await rename(join(work, 'data'), dataDir).catch(async (cause: unknown) => {
      if ((await versionOf(dataDir)) !== undefined) return; // another process was faster
      throw new GwError(
        'configuration',
        `The folder ${dataDir} is not empty and is no PostgreSQL data folder.`,
        {
          hint: 'Choose an empty or new folder.',
          cause,
        },
      );
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function initdb(
  target: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  runAs: RunAs | undefined,
  options: NewCluster,
): Promise<void> {
  const locale =
    binaries.major >= 17
      ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
      : [process.platform === 'linux' ? '--locale=C.UTF-8' : '--locale=C'];
  const args = [
    ...['-D', target, '-U', options.superuser, '-A', 'scram-sha-256', '-E', 'UTF8', ...locale],
    ...[`--pwfile=${passwordFile}`, ...(options.durable ? [] : ['--no-sync'])],
  ];
  try {
    await run(join(binaries.binDir, 'initdb'), args, {
      ...runAs,
      cwd: '/',
      env: POSTGRES_ENV,
      timeout: LIMITS.embeddedStartTimeoutMs,
    });
  } catch (cause) {
    throw new GwError('failed', 'The embedded PostgreSQL could not create its data folder.', {
      detail: String((cause as { stderr?: string }).stderr ?? '').trim() || undefined,
      hint: `Check the free space and permissions of ${dirname(dirname(target))}, or set GW_DATABASE_URL.`,
      cause,
    });
  }
}

/** The major version that made the folder; undefined when there is none. */
async function versionOf(dataDir: string): Promise<string | undefined> {
  const text = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new GwError('configuration', `The data folder ${dataDir} cannot be read.`, { cause: error });
  });
  if (text === undefined) return undefined;
  if (process.getuid?.() === 0 && (await stat(dataDir)).uid === 0) {
    throw new GwError(
      'configuration',
      `The data folder ${dataDir} belongs to root, as whom PostgreSQL cannot run.`,
      {
        hint: `Give it to an ordinary user: chown -R postgres ${dataDir}`,
      },
    );
  }
  return text.trim();
}

async function checkReachable(parent: string, runAs: RunAs | undefined): Promise<void> {
  if (await canEnter(parent, runAs)) return;
  const who = runAs === undefined ? 'you' : `user ${runAs.uid}, as whom PostgreSQL runs`;
  throw new GwError('configuration', `The folder ${parent} cannot be entered by ${who}.`, {
    hint: 'Allow it on every folder of the path (chmod o+x), or choose a data folder elsewhere.',
  });
}
