import { readFile } from 'node:fs/promises';
import { GwError } from '../../../core/errors.ts';
import { Secret } from '../../../core/secret.ts';
import type { ClientGrant } from '../client-grant.ts';
import { cachedSource } from './cached-source.ts';
import type { MachineSetting, MachineSource } from './source.ts';

/**
 * Client credentials (RFC 6749, 4.4): GW_CLIENT_ID with GW_CLIENT_SECRET, GW_CLIENT_SECRET_FILE or, as a
 * signed assertion (RFC 7523), GW_CLIENT_KEY_FILE. The issuer is GW_ISSUER, or the gateway's only one.
 */
export const clientCredentials: MachineSource = {
  detect(setting) {
    const { env, clock } = setting;
    const clientId = env.GW_CLIENT_ID;
    if (!clientId) return undefined;
    return cachedSource(`client ${clientId} (GW_CLIENT_ID)`, clock, async () => {
      const grant = await grantOf(setting, clientId);
      const { requestClientToken } = await import('../client-grant.ts');
      return requestClientToken(grant, setting.http, clock);
    });
  },
};

async function grantOf({ env, discovery }: MachineSetting, clientId: string): Promise<ClientGrant> {
  const providers = (await discovery()).sign_in;
  const issuer = env.GW_ISSUER || (providers.length === 1 ? providers[0]!.issuer : undefined);
  if (issuer === undefined) {
    throw new GwError('configuration', 'GW_CLIENT_ID needs GW_ISSUER here: which identity provider to ask.', {
      detail:
        providers.length > 0
          ? `The gateway names ${providers.map((one) => one.issuer).join(', ')}.`
          : undefined,
      hint: 'Set GW_ISSUER to the issuer URL.',
    });
  }
  const known = providers.find((one) => one.issuer === issuer);
  const audience = env.GW_CLIENT_AUDIENCE || known?.audience;
  return {
    issuer,
    clientId,
    ...(await proofOf(env)),
    parameters: {
      ...(env.GW_CLIENT_SCOPE ? { scope: env.GW_CLIENT_SCOPE } : {}),
      ...(known?.resource ? { resource: known.resource } : {}),
      ...(audience ? { audience } : {}),
    },
  };
}

async function proofOf(env: NodeJS.ProcessEnv): Promise<Pick<ClientGrant, 'secret' | 'key'>> {
  const file = async (variable: string): Promise<string> => {
    const path = env[variable]!;
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new GwError('configuration', `${variable}: ${path} cannot be read.`, {
        hint: 'Check the path and who may read it.',
        cause: error,
      });
    }
  };
  if (env.GW_CLIENT_KEY_FILE) {
    const id = env.GW_CLIENT_KEY_ID;
    return { key: { text: new Secret(await file('GW_CLIENT_KEY_FILE')), ...(id ? { id } : {}) } };
  }
  if (env.GW_CLIENT_SECRET_FILE) {
    return { secret: new Secret((await file('GW_CLIENT_SECRET_FILE')).trim()) };
  }
  if (env.GW_CLIENT_SECRET) return { secret: new Secret(env.GW_CLIENT_SECRET) };
  throw new GwError('configuration', 'GW_CLIENT_ID is set without a credential.', {
    hint: 'Set GW_CLIENT_SECRET, GW_CLIENT_SECRET_FILE or GW_CLIENT_KEY_FILE.',
  });
}
