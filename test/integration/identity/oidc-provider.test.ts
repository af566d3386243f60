import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { IdentityProviderConfig } from '../../../src/gateway/config/types.ts';
import { createAuthenticator } from '../../../src/gateway/identity/authenticator.ts';
import { makeCerts, type TestCerts, writeCerts } from '../../support/certs.ts';
import { type IdentityProvider, machineTokens, startIdentityProvider, tokensFor } from '../../support/idp.ts';

/** The authenticator against a certified OpenID provider: real tokens, real keys, real introspection. */

const MATCH = [{ claims: { client_id: 'gw-robot-post' }, groups: ['ci'] }];

function config(
  idp: IdentityProvider,
  changes: Partial<IdentityProviderConfig> = {},
): IdentityProviderConfig {
  return {
    name: 'corp',
    issuer: idp.issuer,
    audience: [idp.audience],
    kind: 'human',
    token: 'jwt',
    algorithms: ['RS256', 'ES256'],
    clockSkewMs: 30_000,
    groupsClaim: 'groups',
    nameClaim: undefined,
    match: [],
    jwksUri: undefined,
    discoveryToken: undefined,
    ca: undefined,
    introspection: undefined,
    signIn: undefined,
    ...changes,
  };
}

/** The real time, and a monotonic one that a test can push. */
function pushableClock(): Clock & { push(ms: number): void } {
  let pushed = 0;
  return {
    now: systemClock.now,
    monotonic: () => systemClock.monotonic() + pushed,
    push: (ms) => {
      pushed += ms;
    },
  };
}

const running: IdentityProvider[] = [];
async function start(...options: Parameters<typeof startIdentityProvider>): Promise<IdentityProvider> {
  const idp = await startIdentityProvider(...options);
  running.push(idp);
  return idp;
}
afterEach(async () => {
  for (const idp of running.splice(0)) {
    expect(idp.problems).toEqual([]);
    await idp.stop();
  }
});

describe('JWT access tokens', () => {
  it.each(['RS256', 'ES256'] as const)('signed with %s', async (algorithm) => {
    const idp = await start({ algorithm });
    const { access_token: token } = await tokensFor(idp, 'alice');
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: algorithm, typ: 'at+jwt' });
    const identity = await createAuthenticator([config(idp)]).authenticate(token);
    expect(identity).toMatchObject({
      id: `${idp.issuer}|alice`,
      kind: 'human',
      email: decodeJwt(token).email,
      groups: decodeJwt(token).groups,
      tokenExpiresAtMs: decodeJwt(token).exp! * 1_000,
    });
    expect(identity.groups).not.toEqual([]);
  });

  it('and ID tokens are told apart', async () => {
    const idp = await start();
    const { access_token, id_token } = await tokensFor(idp, 'alice');
    const access = config(idp, { audience: [idp.audience, 'gw-cli'] });
    await expect(createAuthenticator([access]).authenticate(id_token!)).rejects.toMatchObject({
      code: 'not_signed_in',
      reason: 'wrong_type',
    });
    const id = config(idp, { token: 'id', audience: ['gw-cli', idp.audience] });
    await expect(createAuthenticator([id]).authenticate(access_token)).rejects.toMatchObject({
      reason: 'wrong_type',
    });
    await expect(createAuthenticator([id]).authenticate(id_token!)).resolves.toMatchObject({
      subject: 'alice',
    });
  });

  it('of a machine and of people, from one issuer', async () => {
    const idp = await start();
    const authenticator = createAuthenticator([
      config(idp, { name: 'ci', kind: 'machine', groupsClaim: undefined, match: MATCH }),
      config(idp),
    ]);
    const robot = await authenticator.authenticate((await machineTokens(idp)).access_token);
    expect(robot).toMatchObject({ provider: 'ci', kind: 'machine', groups: ['ci'], name: 'gw-robot-post' });
    const alice = await authenticator.authenticate((await tokensFor(idp, 'alice')).access_token);
    expect(alice).toMatchObject({ provider: 'corp', kind: 'human' });
  });

  it('follow the keys when they rotate, and end when a key is withdrawn', async () => {
    const idp = await start();
    const clock = pushableClock();
    const authenticator = createAuthenticator([config(idp)], { clock });
    const before = await tokensFor(idp, 'alice');
    await authenticator.authenticate(before.access_token);
    idp.rotateKeys({ forget: true });
    clock.push(LIMITS.identityProviderCooldownMs);
    const after = await tokensFor(idp, 'alice');
    await expect(authenticator.authenticate(after.access_token)).resolves.toBeDefined();
    const fresh = createAuthenticator([config(idp)], { clock });
    await expect(fresh.authenticate(before.access_token)).rejects.toMatchObject({ reason: 'unknown_key' });
  });

  it('survive the provider going away', async () => {
    const idp = await start();
    const authenticator = createAuthenticator([config(idp)]);
    const [first, second] = [await tokensFor(idp, 'alice'), await tokensFor(idp, 'bob')];
    await authenticator.authenticate(first.access_token);
    await idp.stop();
    running.splice(0);
    await expect(authenticator.authenticate(second.access_token)).resolves.toMatchObject({ subject: 'bob' });
    await expect(createAuthenticator([config(idp)]).authenticate(first.access_token)).rejects.toMatchObject({
      code: 'identity_provider_unreachable',
    });
  });
});

describe('opaque access tokens', () => {
  let idp: IdentityProvider;
  const introspected = (changes: Partial<IdentityProviderConfig> = {}) => {
    const { clientId } = idp.clients.introspection;
    return config(idp, {
      token: 'introspection',
      introspection: { clientId, clientSecret: { kind: 'env', name: 'SECRET' }, endpoint: undefined },
      ...changes,
    });
  };
  const make = (...configs: IdentityProviderConfig[]) =>
    createAuthenticator(configs, { env: { SECRET: idp.clients.introspection.clientSecret } });

  it('are asked about', async () => {
    idp = await start({ accessToken: 'opaque' });
    const { access_token: token } = await tokensFor(idp, 'alice');
    const identity = await make(introspected()).authenticate(token);
    expect(identity).toMatchObject({ subject: 'alice', email: expect.stringContaining('alice@') });
    expect(identity.groups).not.toEqual([]);
    expect(identity.tokenExpiresAtMs).toBeGreaterThan(Date.now());
    await expect(make(introspected()).authenticate(`${token}x`)).rejects.toMatchObject({
      reason: 'inactive',
    });
  });

  it('of a machine too', async () => {
    idp = await start({ accessToken: 'opaque' });
    const { access_token: token } = await machineTokens(idp);
    const machine = introspected({ kind: 'machine', groupsClaim: undefined, match: MATCH });
    await expect(make(machine).authenticate(token)).resolves.toMatchObject({
      subject: 'gw-robot-post',
      groups: ['ci'],
    });
  });

  it('are not refresh tokens, which are active as well', async () => {
    idp = await start({ accessToken: 'opaque' });
    const { refresh_token } = await tokensFor(idp, 'alice', 'openid offline_access');
    // Even with the client itself as audience.
    const authenticator = make(introspected({ audience: [idp.audience, 'gw-cli', idp.resource] }));
    await expect(authenticator.authenticate(refresh_token!)).rejects.toMatchObject({ code: 'not_signed_in' });
  });

  it('end when they are revoked', async () => {
    idp = await start({ accessToken: 'opaque' });
    const { access_token: token } = await tokensFor(idp, 'alice');
    const body = new URLSearchParams({ token, client_id: 'gw-cli' });
    const revoked = await fetch(`${idp.issuer}/token/revocation`, { method: 'POST', body });
    expect(revoked.status).toBe(200);
    await expect(make(introspected()).authenticate(token)).rejects.toMatchObject({ reason: 'inactive' });
  });

  it('with wrong credentials of the gateway say so', async () => {
    idp = await start({ accessToken: 'opaque' });
    const { access_token: token } = await tokensFor(idp, 'alice');
    const wrong = createAuthenticator([introspected()], { env: { SECRET: 'wrong' } });
    await expect(wrong.authenticate(token)).rejects.toMatchObject({
      code: 'identity_provider_unreachable',
      message: expect.stringContaining("refuses the gateway's own credentials"),
    });
    const unset = createAuthenticator([introspected()], { env: {} });
    await expect(unset.authenticate(token)).rejects.toMatchObject({ code: 'configuration' });
  });
});

describe('over TLS', () => {
  let certs: TestCerts;
  let folder: string;
  beforeAll(async () => {
    certs = await makeCerts();
    folder = mkdtempSync(join(tmpdir(), 'gw-identity-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('the provider is trusted by its own certificate authority only', async () => {
    const idp = await start({ tls: certs, host: 'localhost' });
    const { ca } = writeCerts(folder, certs);
    const works = createAuthenticator([config(idp, { ca })]);
    expect(await works.check()).toEqual([{ provider: 'corp', issuer: idp.issuer, error: undefined }]);
    const [system] = await createAuthenticator([config(idp)]).check();
    expect(system?.error).toMatchObject({
      code: 'identity_provider_unreachable',
      hint: expect.stringContaining('set "ca"'),
    });
    const other = join(folder, 'other.crt');
    writeFileSync(other, (await makeCerts()).ca);
    const [wrong] = await createAuthenticator([config(idp, { ca: other })]).check();
    expect(wrong?.error).toMatchObject({ code: 'identity_provider_unreachable' });
  });

  it('and reached through HTTPS_PROXY, unless it is on this machine', async () => {
    const leaf = await certs.authority.issue({ hosts: ['idp.test'] });
    const idp = await start({ tls: { ...leaf }, host: 'idp.test' });
    const { ca } = writeCerts(folder, { ...leaf, ca: certs.ca });
    const asked: string[] = [];
    const proxy = createServer().on('connect', (request, client, head) => {
      asked.push(request.url ?? '');
      const upstream = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.write(head);
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on('close', () => client.destroy());
      for (const socket of [upstream, client]) socket.on('error', () => undefined);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv('NO_PROXY', '');
    try {
      const [result] = await createAuthenticator([config(idp, { ca })]).check();
      expect(result?.error).toBeUndefined();
      const host = new URL(idp.issuer).host;
      expect(new Set(asked)).toEqual(new Set([host]));
      const local = await start();
      expect((await createAuthenticator([config(local)]).check())[0]?.error).toBeUndefined();
      expect(new Set(asked)).toEqual(new Set([host]));
    } finally {
      vi.unstubAllEnvs();
      proxy.closeAllConnections();
      await new Promise((done) => proxy.close(done));
    }
  });
});
