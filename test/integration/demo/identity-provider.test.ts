import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCerts } from '../../support/certs.ts';
import {
  approveDeviceCode,
  denyDeviceCode,
  type IdentityProvider,
  machineTokens,
  startIdentityProvider,
  tokenRequest,
  tokensFor,
} from '../../support/idp.ts';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const printed = [vi.spyOn(console, 'info'), vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')];

function claims(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
}

interface DeviceCode {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly interval: number;
}

async function deviceCode(idp: IdentityProvider): Promise<DeviceCode> {
  const form = {
    client_id: idp.clients.cli.clientId,
    scope: 'openid offline_access',
    resource: idp.resource,
  };
  const response = await fetch(`${idp.issuer}/device/auth`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  return (await response.json()) as DeviceCode;
}

const redeem = (idp: IdentityProvider, code: DeviceCode) =>
  tokenRequest(idp, {
    grant_type: DEVICE_GRANT,
    client_id: idp.clients.cli.clientId,
    device_code: code.device_code,
  });

const refresh = (idp: IdentityProvider, refreshToken: string | undefined) =>
  tokenRequest(idp, {
    grant_type: 'refresh_token',
    client_id: idp.clients.cli.clientId,
    refresh_token: refreshToken ?? '',
  });

describe('the identity provider', () => {
  let idp: IdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider();
  });
  afterAll(() => idp.stop());
  afterEach(() => {
    expect(idp.problems).toEqual([]);
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
  });

  it('signs a person in by device code', async () => {
    const code = await deviceCode(idp);
    expect(code.interval).toBe(1);
    await expect(redeem(idp, code)).rejects.toThrow('authorization_pending');
    await expect(redeem(idp, code)).rejects.toThrow('slow_down');
    await approveDeviceCode(code.verification_uri, code.user_code, 'alice');
    const tokens = await redeem(idp, code);
    expect(claims(tokens.access_token)).toMatchObject({
      iss: idp.issuer,
      aud: 'gw',
      sub: 'alice',
      groups: ['engineers'],
      email: 'alice@example.com',
    });
    expect(claims(tokens.id_token!)).toMatchObject({ aud: 'gw-cli', sub: 'alice' });
    await expect(redeem(idp, code)).rejects.toThrow('invalid_grant');
  });

  it('lets a person refuse a device, signed in or not', async () => {
    for (const login of ['bob', undefined]) {
      const code = await deviceCode(idp);
      await denyDeviceCode(code.verification_uri, code.user_code, login);
      await expect(redeem(idp, code)).rejects.toThrow('access_denied');
    }
  });

  it('refuses a code that nobody was given', async () => {
    const code = await deviceCode(idp);
    await expect(approveDeviceCode(code.verification_uri, 'BBBB-BBBB', 'alice')).rejects.toThrow('Try again');
    await expect(approveDeviceCode(code.verification_uri, code.user_code, 'mallory')).rejects.toThrow(
      'nobody',
    );
    await expect(redeem(idp, code)).rejects.toThrow('authorization_pending');
  });

  it('rotates refresh tokens, and ends the sign-in when an old one is used again', async () => {
    const first = await tokensFor(idp, 'bob');
    const second = await refresh(idp, first.refresh_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(claims(second.access_token)).toMatchObject({ aud: 'gw', groups: ['dba', 'oncall'] });
    await expect(refresh(idp, first.refresh_token)).rejects.toThrow('invalid_grant');
    await expect(refresh(idp, second.refresh_token)).rejects.toThrow('invalid_grant');
  });

  it('knows machines by secret and by signed assertion', async () => {
    expect(claims((await machineTokens(idp)).access_token)).toMatchObject({
      sub: 'gw-robot-post',
      aud: 'gw',
      groups: ['ci-deploy'],
    });
    const { clientId, clientSecret } = idp.clients.robot;
    const basic = await fetch(`${idp.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(basic.status).toBe(200);
    const signed = await tokenRequest(idp, {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion(idp),
    });
    expect(claims(signed.access_token)).toMatchObject({ sub: 'gw-robot-key' });
    await expect(
      tokenRequest(idp, {
        grant_type: 'client_credentials',
        client_id: 'gw-robot-post',
        client_secret: 'no',
      }),
    ).rejects.toThrow('invalid_client');
  });

  it('rotates its keys without signing anybody out', async () => {
    const kids = async () => {
      const { keys } = (await (await fetch(`${idp.issuer}/jwks`)).json()) as { keys: { kid: string }[] };
      return keys.map(({ kid }) => kid);
    };
    const [old] = await kids();
    const tokens = await tokensFor(idp, 'carol');
    idp.rotateKeys();
    expect(await kids()).toContain(old);
    idp.rotateKeys({ forget: true });
    expect(await kids()).not.toContain(old);
    expect(claims((await refresh(idp, tokens.refresh_token)).access_token)).toMatchObject({ sub: 'carol' });
  });
});

it('issues opaque tokens that a resource server can ask about', async () => {
  const idp = await startIdentityProvider({ accessToken: 'opaque', accessTokenSeconds: 60 });
  try {
    const { access_token, expires_in } = await tokensFor(idp, 'alice');
    expect(access_token).not.toContain('.');
    expect(expires_in).toBe(60);
    const { clientId, clientSecret } = idp.clients.introspectionPost;
    const form = { token: access_token, client_id: clientId, client_secret: clientSecret };
    const response = await fetch(`${idp.issuer}/token/introspection`, {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    expect(await response.json()).toMatchObject({
      active: true,
      sub: 'alice',
      aud: 'gw',
      groups: ['engineers'],
    });
  } finally {
    await idp.stop();
  }
});

it('serves HTTPS', async () => {
  const certs = await makeCerts();
  const idp = await startIdentityProvider({ tls: certs, host: 'localhost', algorithm: 'ES256' });
  try {
    expect(idp.issuer).toMatch(/^https:\/\/localhost:/);
    await expect(approveDeviceCode(`${idp.issuer}/device`, 'BBBB-BBBB', 'alice', certs)).rejects.toThrow(
      'Try again',
    );
  } finally {
    await idp.stop();
  }
});

function assertion(idp: IdentityProvider): string {
  const { clientId, kid, privateKeyPem } = idp.clients.robotKey;
  const now = Math.floor(Date.now() / 1_000);
  const body = { iss: clientId, sub: clientId, aud: idp.issuer, jti: randomUUID(), iat: now, exp: now + 60 };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'ES256', kid })}.${encode(body)}`;
  const key = { key: createPrivateKey(privateKeyPem), dsaEncoding: 'ieee-p1363' as const };
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}
