import { execFile, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { GwError } from '../../core/errors.ts';

/**
 * PostgreSQL refuses to run as root. When we are root, its programs run as somebody without privileges: the
 * owner of the data folder if there is one, else `postgres`, else `nobody`. Spawning with a uid also drops
 * supplementary groups.
 */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const run = promisify(execFile);

/** Whom PostgreSQL's programs run as; undefined: as ourselves. Throws `configuration` when there is nobody to be. */
export async function chooseRunAs(dataDir?: string): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = dataDir === undefined ? undefined : await stat(dataDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of ['postgres', 'nobody']) {
    const found = await lookUp(name);
    if (found !== undefined && found.uid !== 0) return found;
  }
  throw new GwError(
    'configuration',
    'PostgreSQL cannot run as root, and there is no user "postgres" or "nobody".',
    {
      hint: 'Run gw as an ordinary user, or set GW_DATABASE_URL to a PostgreSQL of yours.',
    },
  );
}

/** Whether the folder can be entered by that user; asked of the kernel, so that ACLs count. */
export async function canEnter(folder: string, user: RunAs | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', 'cd -- "$0"', folder], { ...user, cwd: '/', stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

async function lookUp(name: string): Promise<RunAs | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}
