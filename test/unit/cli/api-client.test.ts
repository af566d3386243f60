import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient } from '../../../src/cli/auth/api-client.ts';
import type { TokenSource } from '../../../src/cli/auth/credential.ts';
import { createHttp } from '../../../src/cli/auth/http.ts';
import { createTrust } from '../../../src/cli/auth/trust.ts';
import { ROUTES } from '../../../src/contract/api.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { Secret } from '../../../src/core/secret.ts';
import { makeCerts, type TestCerts, writeCerts } from '../../support/certs.ts';
import { tempDir } from '../../support/temp.ts';
import { type FakeGateway, sendJson, startFakeGateway, unsignedToken } from './support/fake-gateway.ts';

let certs: TestCerts;
let gateway: FakeGateway;
let caFile: string;
beforeAll(async () => {
  certs = await makeCerts();
  caFile = writeCerts(tempDir('certs').path, certs).ca;
  gateway = await startFakeGateway(certs, []);
});
afterEach(() => {
  gateway.answers.clear();
  gateway.rejected.clear();
  gateway.requests.length = 0;
});
afterAll(() => gateway.stop());

/** A source that counts, and gives another token when one was rejected. */
function countingSource(): TokenSource & { given: number } {
  const source = {
    given: 0,
    describe: 'test',
    kind: 'machine' as const,
    async credential(rejected?: Secret) {
      if (rejected || source.given === 0) source.given++;
      return { token: new Secret(unsignedToken({ sub: `robot-${source.given}` })), expiresAtMs: undefined };
    },
  };
  return source;
}

async function client(source: TokenSource = countingSource()) {
  const http = createHttp({
    trust: await createTrust({ gateway: new URL(gateway.url), caFile }),
    proxyFor: () => undefined,
    clock: systemClock,
  });
  return createApiClient({ url: new URL(gateway.url), name: 'fake', http, source: async () => source });
}

const answerWith = (route: string, status: number, body: unknown): void => {
  gateway.answers.set(route, (_, response) => sendJson(response, status, body));
};

describe('the gateway client', () => {
  it('asks what it is asked, with the token and the API version', async () => {
    const api = await client();
    let version: unknown;
    gateway.answers.set(ROUTES.whoami, (request, response) => {
      version = request.headers['gw-api-version'];
      sendJson(response, 401, {});
    });
    await api.whoami().catch(() => {});
    expect(version).toBe('1');
    expect((await api.targets()).map(({ name }) => name)).toEqual(['prod-db', 'stage-db']);
    expect((await api.discovery()).machine_audience).toBe('gw');
    expect((await api.status()).sessions).toEqual([]);
    expect(api.tls.ca).toContain('BEGIN CERTIFICATE');
    await api.close();
  });

  it('asks for discovery once', async () => {
    const api = await client();
    await Promise.all([api.discovery(), api.discovery()]);
    expect(gateway.requests).toEqual([`GET ${ROUTES.discovery}`]);
    await api.close();
  });

  it('renews a token that was refused, once', async () => {
    const source = countingSource();
    const api = await client(source);
    gateway.rejected.add(unsignedToken({ sub: 'robot-1' }));
    expect((await api.whoami()).subject).toBe('robot-2');
    gateway.rejected.add(unsignedToken({ sub: 'robot-2' })).add(unsignedToken({ sub: 'robot-1' }));
    source.given = 1;
    await expect(api.whoami()).rejects.toMatchObject({
      code: 'not_signed_in',
      hint: `gw login ${gateway.url}`,
    });
    await api.close();
  });

  it('passes on what the gateway says, by its code', async () => {
    const api = await client();
    answerWith(ROUTES.sessionGrants, 403, {
      error: { code: 'denied', message: 'Not \x1b[31myours\x1b[0m.', detail: 'd', hint: 'h' },
    });
    await expect(api.sessionGrant('prod-db')).rejects.toMatchObject({
      code: 'denied',
      message: 'Not yours.',
      detail: 'd',
      hint: 'h',
      exit: 5,
    });
    answerWith(ROUTES.targets, 429, { error: { code: 'of_the_future', message: 'Slow.' } });
    await expect(api.targets()).rejects.toMatchObject({ code: 'rate_limited', message: 'Slow.' });
    await api.close();
  });

  it('cleans texts of control characters', async () => {
    const api = await client();
    answerWith(ROUTES.targets, 200, {
      targets: [
        { name: 'a', description: 'x\x1b]0;t\x07\u202ey', database: 'd', databases: [], because: 'b' },
      ],
    });
    expect((await api.targets())[0]!.description).toBe('xy');
    await api.close();
  });

  it('knows what is not a gateway', async () => {
    const api = await client();
    for (const [status, type] of [
      [200, 'text/html'],
      [502, 'text/html'],
      [404, 'text/plain'],
    ] as const) {
      gateway.answers.set(ROUTES.targets, (_, response) => {
        response.writeHead(status, { 'content-type': type }).end('<html>');
      });
      await expect(api.targets()).rejects.toMatchObject({ code: 'gateway_unreachable', exit: 6 });
    }
    answerWith(ROUTES.targets, 200, { targets: [{ name: 1 }] });
    await expect(api.targets()).rejects.toMatchObject({
      code: 'unsupported',
      detail: expect.stringContaining('targets.0.name'),
    });
    await api.close();
  });

  it('refuses a gateway that speaks other versions only', async () => {
    for (const [versions, hint] of [
      [[2, 3], 'Update gw.'],
      [[0], 'Ask who runs the gateway to update it.'],
    ] as const) {
      const api = await client();
      answerWith(ROUTES.discovery, 200, { ...gateway.discovery, api_versions: versions });
      await expect(api.discovery()).rejects.toMatchObject({ code: 'unsupported', hint });
      await api.close();
    }
  });

  it('follows no redirect: a token goes to the gateway or nowhere', async () => {
    const api = await client();
    gateway.answers.set(ROUTES.whoami, (_, response) =>
      response.writeHead(302, { location: '/v1/targets' }).end(),
    );
    await expect(api.whoami()).rejects.toMatchObject({ code: 'gateway_unreachable' });
    expect(gateway.requests).toEqual([`GET ${ROUTES.whoami}`]);
    await api.close();
  });
});
