import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The folders of gw, after the XDG base directory specification; none of them need exist. */
export interface Paths {
  /** Profiles. */
  readonly config: string;
  /** Credentials that the keyring cannot keep. */
  readonly data: string;
  /** Locks, running tunnels. */
  readonly state: string;
  /** What can be fetched again. */
  readonly cache: string;
  /** Sockets and passfiles; gone after a reboot. */
  readonly runtime: string;
}

/**
 * GW_CONFIG_HOME puts all of them under one folder. Relative XDG_* values are ignored, as the
 * specification asks.
 */
export function findPaths(env: NodeJS.ProcessEnv, home: string = env.HOME || homedir()): Paths {
  const own = env.GW_CONFIG_HOME;
  if (own) {
    return {
      config: own,
      data: join(own, 'data'),
      state: join(own, 'state'),
      cache: join(own, 'cache'),
      runtime: join(own, 'run'),
    };
  }
  const xdg = (name: string, ...fallback: string[]): string => {
    const value = env[name];
    return join(value && isAbsolute(value) ? value : join(home, ...fallback), 'gw');
  };
  const runtime = env.XDG_RUNTIME_DIR;
  const user = process.getuid?.() ?? env.USERNAME ?? 'user';
  return {
    config: xdg('XDG_CONFIG_HOME', '.config'),
    data: xdg('XDG_DATA_HOME', '.local', 'share'),
    state: xdg('XDG_STATE_HOME', '.local', 'state'),
    cache: xdg('XDG_CACHE_HOME', '.cache'),
    runtime: runtime && isAbsolute(runtime) ? join(runtime, 'gw') : join(tmpdir(), `gw-${user}`),
  };
}
