import { readFile, stat } from 'node:fs/promises';
import { GwError } from '../../../core/errors.ts';
import { Secret } from '../../../core/secret.ts';
import type { Credential, TokenSource } from '../credential.ts';
import { jwtLifetime } from '../tokens.ts';
import { checkedToken } from './checked-token.ts';
import type { MachineSource } from './source.ts';

/** A token file is small; a larger file is something else. */
const MAX_BYTES = 64 * 1024;
/** Where our documentation mounts Kubernetes' projected token. */
export const KUBERNETES_TOKEN = '/var/run/secrets/tokens/gw';

/** GW_TOKEN_FILE: read again whenever the file changes, so that whoever rotates it need not tell us. */
export const tokenFile: MachineSource = {
  detect({ env }) {
    const path = env.GW_TOKEN_FILE;
    return path ? fileSource(`GW_TOKEN_FILE (${path})`, path) : undefined;
  },
};

/** A service account token that Kubernetes projects into the pod for us (TokenRequest) and renews in place. */
export const kubernetesToken: MachineSource = {
  async detect() {
    const exists = await stat(KUBERNETES_TOKEN).then(
      (info) => info.isFile(),
      () => false,
    );
    return exists ? fileSource(`Kubernetes (${KUBERNETES_TOKEN})`, KUBERNETES_TOKEN) : undefined;
  },
};

function fileSource(describe: string, path: string): TokenSource {
  let known: { mark: string; credential: Credential } | undefined;
  return {
    describe,
    kind: 'machine',
    async credential() {
      try {
        const { mtimeMs, size, ino } = await stat(path);
        const mark = `${mtimeMs} ${size} ${ino}`;
        if (known?.mark === mark) return known.credential;
        if (size > MAX_BYTES) throw new GwError('configuration', `${path} is too large to hold a token.`);
        const token = checkedToken(await readFile(path, 'utf8'), path);
        const lifetimeMs = jwtLifetime(token);
        const expiresAtMs = lifetimeMs === undefined ? undefined : mtimeMs + lifetimeMs;
        known = { mark, credential: { token: new Secret(token), expiresAtMs } };
        return known.credential;
      } catch (error) {
        if (error instanceof GwError) throw error;
        throw new GwError('configuration', `The token file ${path} cannot be read.`, {
          hint: 'Check the path and who may read it.',
          cause: error,
        });
      }
    },
  };
}
