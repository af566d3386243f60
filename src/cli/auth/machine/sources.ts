import type { TokenSource } from '../credential.ts';
import { clientCredentials } from './client-credentials.ts';
import { envToken, gitlabToken } from './env-token.ts';
import { githubActions } from './github-actions.ts';
import type { MachineSetting, MachineSource } from './source.ts';
import { kubernetesToken, tokenFile } from './token-file.ts';

/**
 * From what is said on purpose to what a platform offers to everyone: the first that is there is used, and
 * before any profile. The order is documented in docs/ci.md.
 */
const ORDER: readonly MachineSource[] = [
  envToken,
  tokenFile,
  clientCredentials,
  githubActions,
  gitlabToken,
  kubernetesToken,
];

/** The machine's way to a token; undefined where none is set up. */
export async function machineSource(setting: MachineSetting): Promise<TokenSource | undefined> {
  for (const source of ORDER) {
    const found = await source.detect(setting);
    if (found) return found;
  }
  return undefined;
}
