import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  DiscoverySchema,
  ErrorBodySchema,
  SessionGrantSchema,
  StatusSchema,
  TargetsSchema,
  WhoamiSchema,
} from '../../../src/contract/api.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { createApi } from '../../../src/gateway/api/api.ts';
import type { ApiRequest, ApiResponse } from '../../../src/gateway/api/types.ts';
import { ALICE, bearer, fixture, request } from './fixture.ts';

const json = (response: ApiResponse): unknown => JSON.parse(response.body.toString());
const error = (response: ApiResponse) => ErrorBodySchema.parse(json(response)).error;
const strictly = (schema: z.ZodObject, response: ApiResponse): unknown =>
  schema.strict().parse(json(response));

const post = (body: string | Buffer, more: Record<string, string[]> = {}): ApiRequest =>
  request('POST', '/v1/session-grants', {
    headers: { ...bearer('alice'), 'content-type': ['application/json'], ...more },
    body: Buffer.from(body),
  });

describe('the API', () => {
  const api = createApi(fixture());
  const get = (path: string, headers: ApiRequest['headers'] = bearer('alice')) =>
    api.handle(request('GET', path, { headers }));

  it('answers as the contract says', async () => {
    strictly(DiscoverySchema, await get('/.well-known/gw', {}));
    expect(strictly(WhoamiSchema, await get('/v1/whoami'))).toEqual({
      subject: 'alice',
      issuer: 'https://id.example.com',
      provider: 'corp',
      kind: 'human',
      name: 'Alice',
      email: 'alice@example.com',
      groups: ['engineers'],
      token_expires_at: '2025-01-31T10:00:00.000Z',
    });
    strictly(TargetsSchema, await get('/v1/targets'));
    strictly(StatusSchema, await get('/v1/status'));
    const granted = await api.handle(post('{"target":"prod-db"}'));
    expect(granted.status).toBe(201);
    strictly(SessionGrantSchema, granted);
  });

  it('tells anyone whether it is alive and ready, and no more', async () => {
    const deps = fixture();
    const own = createApi(deps);
    expect(json(await own.handle(request('GET', '/healthz')))).toEqual({ status: 'ok' });
    const checks = { journal: { ok: true } };
    expect(json(await own.handle(request('GET', '/readyz?x=1')))).toEqual({ ready: true, checks });
    deps.isReady = false;
    const response = await own.handle(request('GET', '/readyz'));
    expect([response.status, json(response)]).toEqual([
      503,
      { ready: false, checks: { journal: { ok: false } } },
    ]);
  });

  it('is kept by no cache and shown to no page', async () => {
    for (const response of [await get('/v1/whoami'), await get('/nothing'), await get('/healthz')]) {
      expect(response.headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-type': 'application/json; charset=utf-8',
        'gw-api-version': '1',
      });
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('answers HEAD as GET without its body', async () => {
    const whole = await get('/v1/whoami');
    const head = await api.handle(request('HEAD', '/v1/whoami', { headers: bearer('alice') }));
    expect(head.status).toBe(200);
    expect(head.body.length).toBe(0);
    expect(head.headers['content-length']).toBe(String(whole.body.length));
  });

  it.each([
    ['POST', '/v1/whoami', 'GET, HEAD'],
    ['GET', '/v1/session-grants', 'POST'],
    ['OPTIONS', '/v1/session-grants', 'POST'],
    ['DELETE', '/healthz', 'GET, HEAD'],
    ['<script>', '/healthz', 'GET, HEAD'],
  ])('refuses %s %s', async (method, path, allow) => {
    const response = await api.handle(request(method, path, { headers: bearer('alice') }));
    expect(response.status).toBe(405);
    expect(response.headers.allow).toBe(allow);
    expect(error(response).code).toBe('method_not_allowed');
    expect(error(response).message).not.toContain('<');
  });

  it.each([
    '/',
    '/v1',
    '/v1/whoami/',
    '//v1/whoami',
    '/V1/whoami',
    '*',
    'https://x/v1/whoami',
    '/v1/%77hoami',
    '/__proto__',
  ])('has nothing at %s', async (path) => {
    const response = await get(path);
    expect([response.status, error(response).code]).toEqual([404, 'not_found']);
  });
});

describe('who asks', () => {
  it('must say so', async () => {
    const deps = fixture();
    const response = await createApi(deps).handle(request('GET', '/v1/whoami'));
    expect(response.status).toBe(401);
    expect(response.headers['www-authenticate']).toBe('Bearer realm="gw"');
    expect(error(response)).toMatchObject({ code: 'not_signed_in', hint: 'Sign in with: gw login' });
    expect(deps.refusals).toEqual([]);
  });

  it('is told why a token is refused, in a header too, and it is reported', async () => {
    const deps = fixture();
    const response = await createApi(deps).handle(request('GET', '/v1/targets', { headers: bearer('old') }));
    expect(response.status).toBe(401);
    expect(response.headers['www-authenticate']).toBe(
      'Bearer realm="gw", error="invalid_token", error_description="The token x has expired."',
    );
    expect(deps.refusals).toEqual(['not_signed_in 10.0.0.1 /v1/targets']);
  });

  it.each([
    ['Basic abc', 401],
    ['Bearer', 401],
    ['Bearer ', 401],
    ['Bearer a b', 401],
    ['Bearer a,b', 401],
    ['Bearer é', 401],
    ['bearer alice', 200],
    ['BEARER  alice ', 200],
    [`Bearer ${'a'.repeat(LIMITS.tokenBytes)}`, 413],
  ])('with the header %.20s gets %i', async (value, status) => {
    const response = await createApi(fixture()).handle(
      request('GET', '/v1/whoami', { headers: { authorization: [value] } }),
    );
    expect(response.status).toBe(status);
  });

  it('is refused with two tokens', async () => {
    const headers = { authorization: ['Bearer alice', 'Bearer alice'] };
    const response = await createApi(fixture()).handle(request('GET', '/v1/whoami', { headers }));
    expect([response.status, error(response).code]).toEqual([400, 'protocol_violation']);
  });

  it('is not let in by any other header', async () => {
    const api = createApi(fixture());
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
        fc.pre(!/^bearer +alice *$/i.test(value));
        const response = await api.handle(
          request('GET', '/v1/whoami', { headers: { authorization: [value] }, remoteAddress: value }),
        );
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(response.status).toBeLessThan(500);
      }),
    );
  });

  it('learns that the provider is away, or that we have a bug, without its text', async () => {
    const deps = fixture();
    const api = createApi(deps);
    const late = await api.handle(request('GET', '/v1/whoami', { headers: bearer('late') }));
    expect([late.status, late.headers['retry-after']]).toEqual([503, '5']);
    const broken = await api.handle(request('GET', '/v1/whoami', { headers: bearer('broken') }));
    expect([broken.status, error(broken).code]).toEqual([500, 'bug']);
    expect(broken.body.toString()).not.toContain('SELECT');
    expect(deps.failures).toEqual(['bug /v1/whoami']);
  });

  it('gets an answer also when a failure cannot be reported', async () => {
    const failed = (): never => {
      throw new Error('log');
    };
    const api = createApi(fixture({ failed }));
    expect((await api.handle(request('GET', '/v1/whoami', { headers: bearer('broken') }))).status).toBe(500);
  });
});

describe('versions', () => {
  const ask = (...values: string[]) =>
    createApi(fixture()).handle(
      request('GET', '/v1/whoami', { headers: { ...bearer('alice'), 'gw-api-version': values } }),
    );

  it('are agreed on', async () => {
    for (const values of [['1'], ['1, 2'], [' 7 ,1'], ['2', '1']])
      expect((await ask(...values)).status).toBe(200);
  });

  it('that do not meet are named, with who has to upgrade', async () => {
    const newer = await ask('2, 3');
    expect(newer.status).toBe(406);
    expect(error(newer)).toMatchObject({
      code: 'incompatible_version',
      message: 'This gateway speaks API version 1; the client speaks 2, 3.',
      hint: expect.stringContaining('upgrade the gateway'),
    });
    expect(error(await ask('0')).hint).toContain('upgrade gw');
  });

  it('are told by discovery to anyone, whatever they speak', async () => {
    const headers = { 'gw-api-version': ['9'] };
    const response = await createApi(fixture()).handle(request('GET', '/.well-known/gw', { headers }));
    expect(strictly(DiscoverySchema, response)).toMatchObject({ api_versions: [1] });
  });

  it('that are no numbers are refused', async () => {
    for (const value of ['', 'x', '1;2', '1.0', '99999999999']) {
      const response = await ask(value);
      expect([response.status, error(response).code]).toEqual([400, 'usage']);
    }
  });
});

describe('bodies', () => {
  const api = createApi(fixture({ now: counter() }));
  const send = (body: string | Buffer, more?: Record<string, string[]>) => api.handle(post(body, more));

  it.each([
    ['', 'not valid JSON'],
    ['{', 'not valid JSON'],
    ['"prod-db"', 'expected object'],
    ['null', 'expected object'],
    ['[]', 'expected object'],
    ['{}', '"target"'],
    ['{"target":5}', '"target": invalid input: expected string'],
    ['{"target":""}', '"target"'],
    [`{"target":"${'x'.repeat(64)}"}`, '"target"'],
    ['{"target":"prod-db","reason":"x"}', 'it does not know "reason"'],
    ['{"target":"prod-db","\\u001b[2J":1}', 'it does not know "\\u001b[2J"'],
    ['{"target":"prod-db","__proto__":{}}', 'it does not know'],
  ])('%s is refused', async (body, message) => {
    const response = await send(body);
    expect([response.status, error(response).code]).toEqual([400, 'usage']);
    expect(error(response).message).toContain(message);
  });

  it('may not be deep, other than UTF-8 or of another type', async () => {
    const deep = await send(`${'['.repeat(1_000)}${']'.repeat(1_000)}`);
    expect([deep.status, error(deep).code]).toEqual([413, 'limit']);
    expect((await send('{"target":"[[[[[[[[[[[[[[[[[[[[\\"[["}')).status).toBe(404);
    expect(error(await send(Buffer.from('{"target":"\xff"}', 'latin1'))).message).toContain('UTF-8');
    for (const type of ['text/plain', 'application/jsonp', 'application/json; charset=latin1', '']) {
      expect((await send('{"target":"prod-db"}', { 'content-type': [type] })).status).toBe(415);
    }
    const twice = { 'content-type': ['application/json', 'text/plain'] };
    expect((await send('{"target":"prod-db"}', twice)).status).toBe(415);
    const exact = { 'content-type': ['Application/JSON; charset="UTF-8"'] };
    expect((await send('{"target":"prod-db"}', exact)).status).toBe(201);
  });

  it('of any content never break it', async () => {
    const odd = createApi(fixture({ now: counter() }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), async (body) => {
        const { status } = await odd.handle(post(body));
        expect([400, 404, 413]).toContain(status);
      }),
    );
  });

  it('name a target that must exist', async () => {
    const response = await send('{"target":"other"}');
    expect([response.status, error(response).code]).toEqual([404, 'unknown_target']);
  });
});

/** A clock that goes on fast enough for no limit of rate to matter. */
function counter(): () => number {
  let ms = 0;
  return () => (ms += 1_000);
}

describe('rates', () => {
  it('limit an address before anything else is looked at', async () => {
    const deps = fixture();
    const api = createApi(deps);
    const ask = (remoteAddress: string) => api.handle(request('GET', '/v1/whoami', { remoteAddress }));
    for (let i = 0; i < LIMITS.apiAddressRate.burst; i++) expect((await ask('10.0.0.1')).status).toBe(401);
    const response = await ask('10.0.0.1');
    expect([response.status, error(response).code, response.headers['retry-after']]).toEqual([
      429,
      'rate_limited',
      '1',
    ]);
    expect((await ask('10.0.0.2')).status).toBe(401);
    expect((await api.handle(request('GET', '/healthz'))).status).toBe(200);
    deps.nowMs += 1_000;
    expect((await ask('10.0.0.1')).status).toBe(401);
  });

  it('limit how often an address may present what is refused', async () => {
    const seen: string[] = [];
    const { authenticate } = fixture();
    const deps = fixture({
      authenticate: (token) => {
        seen.push(token);
        return authenticate(token);
      },
    });
    const api = createApi(deps);
    const ask = (token: string, remoteAddress = '10.0.0.1') =>
      api.handle(request('GET', '/v1/whoami', { headers: bearer(token), remoteAddress }));
    const { burst, perSecond } = LIMITS.apiRefusedRate;
    for (let i = 0; i < burst; i++) expect((await ask('late')).status).toBe(503);
    for (let i = 0; i < burst; i++) expect((await ask('old')).status).toBe(401);
    const before = [seen.length, deps.refusals.length];
    const stopped = await ask('alice');
    expect([stopped.status, error(stopped).code]).toEqual([429, 'rate_limited']);
    expect(stopped.headers['retry-after']).toBe(String(Math.ceil(1 / perSecond)));
    expect([seen.length, deps.refusals.length]).toEqual(before);
    expect((await ask('alice', '10.0.0.2')).status).toBe(200);
    expect((await api.handle(request('GET', '/.well-known/gw'))).status).toBe(200);
    deps.nowMs += 1_000 / perSecond;
    expect((await ask('alice')).status).toBe(200);
  });

  it('limit an identity wherever it comes from', async () => {
    const api = createApi(fixture());
    const ask = (i: number) =>
      api.handle(request('GET', '/v1/whoami', { headers: bearer('alice'), remoteAddress: `10.0.1.${i}` }));
    for (let i = 0; i < LIMITS.apiIdentityRate.burst; i++) expect((await ask(i)).status).toBe(200);
    expect((await ask(250)).status).toBe(429);
    expect(ALICE.id).toBe('https://id.example.com|alice');
  });
});
