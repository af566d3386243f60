import { Secret } from '../../../core/secret.ts';
import { cachedSource } from './cached-source.ts';
import { checkedToken } from './checked-token.ts';
import type { MachineSource } from './source.ts';

/** GW_TOKEN: the token itself. GW_ID_TOKEN: the name GitLab's `id_tokens` gives it in our documentation. */
const variableSource = (variable: 'GW_TOKEN' | 'GW_ID_TOKEN', describe: string): MachineSource => ({
  detect({ env, clock }) {
    const text = env[variable];
    if (!text) return undefined;
    return cachedSource(describe, clock, async () => ({
      token: new Secret(checkedToken(text, variable)),
      // When it ends there is no other one: the gateway says so.
      expiresAtMs: undefined,
    }));
  },
});

export const envToken = variableSource('GW_TOKEN', 'GW_TOKEN');
export const gitlabToken = variableSource('GW_ID_TOKEN', 'GitLab (GW_ID_TOKEN)');
