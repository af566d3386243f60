import { generateKeyPairSync } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MachineSetting } from '../../../src/cli/auth/machine/source.ts';
import { machineSource } from '../../../src/cli/auth/machine/sources.ts';
import type { Discovery } from '../../../src/contract/api.ts';
import { type IdentityProvider, startIdentityProvider } from '../../support/idp.ts';
import { tempDir } from '../../support/temp.ts';
import { handClock } from './support/fake-context.ts';
import { unsignedToken } from './support/fake-gateway.ts';
import { plainHttp, signInAt } from './support/sign-in.ts';

let idp: IdentityProvider;
beforeAll(async () => {
  idp = await startIdentityProvider();
});
afterAll(() => idp.stop());

async function setting(env: NodeJS.ProcessEnv, clock = handClock()): Promise<MachineSetting> {
  const discovery: Discovery = {
    gateway: 'g',
    version: '0.1.0',
    api_versions: [1],
    time: new Date().toISOString(),
    sign_in: [signInAt(idp)],
    machine_audience: 'gw-audience',
  };
  return { env, clock, http: await plainHttp(), discovery: async () => discovery };
}

const tokenOf = async (env: NodeJS.ProcessEnv): Promise<string> =>
  (await (await machineSource(await setting(env)))!.credential()).token.reveal();

const claims = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());

describe('where no machine credential is', () => {
  it('there is no source', async () => {
    expect(await machineSource(await setting({}))).toBeUndefined();
  });
});

describe('GW_TOKEN', () => {
  it('is used as it is, without the newline it may end with', async () => {
    expect(await tokenOf({ GW_TOKEN: 'abc.def.ghi\n' })).toBe('abc.def.ghi');
  });
  it.each(['Bearer abc', '"abc"', 'a\nb', 'a'.repeat(40_000), '{"token":"x"}'])(
    '%.20j is refused, and never shown',
    async (text) => {
      const source = await machineSource(await setting({ GW_TOKEN: text }));
      const error = await source!.credential().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'configuration' });
      expect(String((error as Error).message)).not.toContain(text);
    },
  );
  it('comes before all others, and the order is fixed', async () => {
    const file = join(tempDir('token').path, 't');
    writeFileSync(file, 'x');
    const everything: [string, NodeJS.ProcessEnv][] = [
      ['GW_TOKEN', { GW_TOKEN: 'x' }],
      [`GW_TOKEN_FILE (${file})`, { GW_TOKEN_FILE: file }],
      ['client c (GW_CLIENT_ID)', { GW_CLIENT_ID: 'c' }],
      [
        'GitHub Actions',
        { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://x.example', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'y' },
      ],
      ['GitLab (GW_ID_TOKEN)', { GW_ID_TOKEN: 'x' }],
    ];
    for (let first = 0; first < everything.length; first++) {
      const env = Object.assign({}, ...everything.slice(first).map(([, one]) => one));
      expect((await machineSource(await setting(env)))!.describe).toBe(everything[first]![0]);
    }
  });
});

describe('GW_TOKEN_FILE', () => {
  it('is read again when it changes, also when it is replaced', async () => {
    const folder = tempDir('token').path;
    const path = join(folder, 'token');
    writeFileSync(path, 'first\n');
    const source = (await machineSource(await setting({ GW_TOKEN_FILE: path })))!;
    expect((await source.credential()).token.reveal()).toBe('first');
    writeFileSync(join(folder, 'next'), 'other\n');
    renameSync(join(folder, 'next'), path);
    expect((await source.credential()).token.reveal()).toBe('other');
  });
  it('that is not there is a matter of configuration', async () => {
    const source = (await machineSource(await setting({ GW_TOKEN_FILE: '/no/such/file' })))!;
    await expect(source.credential()).rejects.toMatchObject({ code: 'configuration', exit: 3 });
  });
});

describe('client credentials', () => {
  it('with a secret, sent as the provider wants it', async () => {
    const { robot } = idp.clients;
    const token = await tokenOf({ GW_CLIENT_ID: robot.clientId, GW_CLIENT_SECRET: robot.clientSecret });
    expect(claims(token)).toMatchObject({ iss: idp.issuer, sub: robot.clientId, aud: 'gw' });
  });

  it('with a secret from a file', async () => {
    const { robot } = idp.clients;
    const file = join(tempDir('secret').path, 's');
    writeFileSync(file, `${robot.clientSecret}\n`);
    const token = await tokenOf({
      GW_CLIENT_ID: robot.clientId,
      GW_CLIENT_SECRET_FILE: file,
      GW_ISSUER: idp.issuer,
    });
    expect(claims(token).sub).toBe(robot.clientId);
  });

  it('with a signed assertion instead of a secret', async () => {
    const { robotKey } = idp.clients;
    const file = join(tempDir('key').path, 'k.pem');
    writeFileSync(file, robotKey.privateKeyPem);
    const token = await tokenOf({
      GW_CLIENT_ID: robotKey.clientId,
      GW_CLIENT_KEY_FILE: file,
      GW_CLIENT_KEY_ID: robotKey.kid,
    });
    expect(claims(token).sub).toBe(robotKey.clientId);
  });

  it('that are wrong are told as that', async () => {
    const source = await machineSource(
      await setting({ GW_CLIENT_ID: 'gw-robot', GW_CLIENT_SECRET: 'wrong' }),
    );
    await expect(source!.credential()).rejects.toMatchObject({ code: 'wrong_credential', exit: 4 });
  });

  it.each([
    [{ GW_CLIENT_ID: 'c' }, 'without a credential'],
    [{ GW_CLIENT_ID: 'c', GW_CLIENT_KEY_FILE: '/no/such' }, 'cannot be read'],
  ])('%j are refused', async (env, what) => {
    const source = await machineSource(await setting(env));
    await expect(source!.credential()).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(what),
    });
  });

  it('with a key that is none are refused, and the key is not shown', async () => {
    const file = join(tempDir('key').path, 'k');
    writeFileSync(
      file,
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }),
    );
    const source = await machineSource(await setting({ GW_CLIENT_ID: 'c', GW_CLIENT_KEY_FILE: file }));
    await expect(source!.credential()).rejects.toMatchObject({ code: 'configuration' });
  });

  it('ask for another token when the first is about to end', async () => {
    const clock = handClock();
    const { robot } = idp.clients;
    const source = (await machineSource(
      await setting({ GW_CLIENT_ID: robot.clientId, GW_CLIENT_SECRET: robot.clientSecret }, clock),
    ))!;
    const first = await source.credential();
    expect((await source.credential()).token).toBe(first.token);
    clock.nowMs = first.expiresAtMs! - 1_000;
    expect((await source.credential()).token.reveal()).not.toBe(first.token.reveal());
  });
});

describe('GitHub Actions', () => {
  const asked: string[] = [];
  let status = 200;
  let server: Server;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      response
        .writeHead(status)
        .end(JSON.stringify({ value: unsignedToken({ iat: 0, exp: 300, sub: 'repo:acme/shop' }) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?api-version=2`;
    env = { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token' };
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('gives the job a token for the audience of the gateway', async () => {
    expect(claims(await tokenOf(env)).sub).toBe('repo:acme/shop');
    expect(asked).toEqual(['/token?api-version=2&audience=gw-audience Bearer request-token']);
  });

  it('that refuses is told with what the job needs', async () => {
    status = 403;
    const source = await machineSource(await setting(env));
    await expect(source!.credential()).rejects.toMatchObject({
      code: 'identity_provider_unreachable',
      hint: expect.stringContaining('id-token: write'),
    });
  });
});

describe('GitLab', () => {
  it('gives its token in GW_ID_TOKEN', async () => {
    expect(await tokenOf({ GW_ID_TOKEN: 'a.b.c' })).toBe('a.b.c');
  });
});
