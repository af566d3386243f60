import { z } from 'zod';
import { GwError } from '../../../core/errors.ts';
import { Secret } from '../../../core/secret.ts';
import { explainNetworkError } from '../../render/network-error.ts';
import type { Credential } from '../credential.ts';
import { jwtLifetime } from '../tokens.ts';
import { cachedSource } from './cached-source.ts';
import { checkedToken } from './checked-token.ts';
import type { MachineSetting, MachineSource } from './source.ts';

const AnswerSchema = z.object({ value: z.string() });

/** The OIDC token of a GitHub Actions job with `permissions: id-token: write`, for the gateway's audience. */
export const githubActions: MachineSource = {
  detect(setting) {
    const url = setting.env.ACTIONS_ID_TOKEN_REQUEST_URL;
    const token = setting.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN;
    if (!url || !token) return undefined;
    return cachedSource('GitHub Actions', setting.clock, () => ask(setting, url, new Secret(token)));
  },
};

async function ask(setting: MachineSetting, text: string, requestToken: Secret): Promise<Credential> {
  const { machine_audience: audience } = await setting.discovery();
  const url = new URL(text);
  url.searchParams.set('audience', audience);
  const headers = { authorization: `Bearer ${requestToken.reveal()}`, accept: 'application/json' };
  const answer = await setting.http.request(url, { headers }).catch((error: unknown) => {
    throw failure(explainNetworkError(error).what, error);
  });
  if (answer.status !== 200) throw failure(`It answered ${answer.status}.`);
  let value: string;
  try {
    ({ value } = AnswerSchema.parse(JSON.parse(answer.text)));
  } catch (error) {
    throw failure('Its answer holds no token.', error);
  }
  const token = checkedToken(value, "GitHub's answer");
  const lifetimeMs = jwtLifetime(token);
  return {
    token: new Secret(token),
    expiresAtMs: lifetimeMs === undefined ? undefined : setting.clock.now() + lifetimeMs,
  };
}

function failure(detail: string, cause?: unknown): GwError {
  return new GwError('identity_provider_unreachable', 'GitHub Actions gave no token for this job.', {
    detail,
    hint: 'The job needs: permissions: { id-token: write }',
    cause,
  });
}
