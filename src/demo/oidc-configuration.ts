import type { Configuration } from 'oidc-provider';
import { MACHINE_GROUPS, PEOPLE } from './people.ts';
import { confirmCodePage, errorPage, INTERACTION_PATH, signedInPage, userCodePage } from './sign-in-pages.ts';

export interface ProviderOptions {
  readonly audience: string;
  readonly algorithm: 'RS256' | 'ES256';
  /** Access tokens as JWT, or opaque (for introspection). */
  readonly accessToken: 'jwt' | 'opaque';
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly deviceCodeSeconds: number;
  /** How often a device may ask whether its code was approved. */
  readonly deviceIntervalSeconds: number;
}

const DAY_SECONDS = 86_400;

/** oidc-provider's configuration without keys, clients and storage. Whatever has a default that warns is set. */
export function providerConfiguration(options: ProviderOptions): Configuration {
  const { algorithm, accessTokenSeconds, refreshTokenSeconds, deviceCodeSeconds } = options;
  return {
    claims: { openid: ['sub'], email: ['email'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
    conformIdTokenClaims: false,
    clientDefaults: { id_token_signed_response_alg: algorithm },
    findAccount: (_, login) => {
      const person = PEOPLE.find((each) => each.login === login);
      return person && { accountId: login, claims: () => ({ sub: login, ...claimsOf(login) }) };
    },
    extraTokenClaims: (_, token) =>
      'accountId' in token ? claimsOf(token.accountId) : { groups: MACHINE_GROUPS },
    interactions: { url: (_, interaction) => `${INTERACTION_PATH}${interaction.uid}` },
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    clientBasedCORS: () => false,
    pkce: { required: () => true },
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: accessTokenSeconds,
      DeviceCode: deviceCodeSeconds,
      IdToken: accessTokenSeconds,
      RefreshToken: refreshTokenSeconds,
      Grant: Math.max(refreshTokenSeconds, DAY_SECONDS),
      Interaction: 3_600,
      Session: DAY_SECONDS,
    },
    renderError: (ctx, { error, error_description }) => {
      ctx.type = 'html';
      ctx.body = errorPage(error, error_description);
    },
    features: features(options),
  };
}

function features(options: ProviderOptions): NonNullable<Configuration['features']> {
  const resource = `urn:${options.audience}`;
  return {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: (_, client) => client.clientAuthMethod !== 'none' },
    revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
    clientCredentials: { enabled: true },
    deviceFlow: {
      enabled: true,
      charset: 'base-20',
      mask: '****-****',
      userCodeInputSource: (ctx, form, _, error) => {
        ctx.body = userCodePage(form, error !== undefined);
      },
      userCodeConfirmSource: (ctx, form, client, _, userCode) => {
        ctx.body = confirmCodePage(form, userCode, client.clientName ?? client.clientId);
      },
      successSource: (ctx) => {
        ctx.body = signedInPage();
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: '',
        audience: options.audience,
        accessTokenFormat: options.accessToken,
        accessTokenTTL: options.accessTokenSeconds,
        jwt: { sign: { alg: options.algorithm } },
      }),
    },
  };
}

function claimsOf(login: string): { name: string; email: string; groups: string[] } | Record<string, never> {
  const person = PEOPLE.find((each) => each.login === login);
  return person === undefined ? {} : { name: person.name, email: person.email, groups: [...person.groups] };
}
