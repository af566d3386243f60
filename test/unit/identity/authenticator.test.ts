import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import type { IdentityProviderConfig } from '../../../src/gateway/config/types.ts';
import { createAuthenticator } from '../../../src/gateway/identity/authenticator.ts';
import {
  FakeIdp,
  json,
  provider,
  signToken,
  type TestClock,
  type TestKey,
  testClock,
  testKey,
} from './fake-idp.ts';

let idp: FakeIdp;
let key: TestKey;
let clock: TestClock;

beforeEach(async () => {
  [idp, key] = await Promise.all([FakeIdp.start(), testKey('one')]);
  idp.keys = [key.jwk];
  clock = testClock();
});
afterEach(() => idp.stop());

const make = (...configs: IdentityProviderConfig[]) => {
  const used = configs.length > 0 ? configs : [provider(idp.issuer)];
  return createAuthenticator(used, { clock, env: { SECRET: 's3 cret:%' }, timeoutMs: 2_000 });
};
const sign = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  signToken(idp, key, clock, { claims, header });
const refused = (reason: string) => ({ code: 'not_signed_in', reason });

describe('a JWT access token', () => {
  it('becomes an identity', async () => {
    const token = await sign({ groups: ['dev', 'ops', 'dev'], email: 'alice@example.com', sub: 'u1' });
    expect(await make().authenticate(token)).toEqual({
      id: `${idp.issuer}|u1`,
      subject: 'u1',
      issuer: idp.issuer,
      provider: 'corp',
      kind: 'human',
      name: 'alice@example.com',
      email: 'alice@example.com',
      groups: ['dev', 'ops'],
      tokenExpiresAtMs: clock.now() + 300_000,
    });
  });

  it.each<[string, string, Record<string, unknown>, Record<string, unknown>]>([
    ['expired', 'ended', { exp: 1_799_999_970, iat: 1_799_999_900 }, {}],
    ['not_yet_valid', 'not begun', { nbf: 1_800_000_031 }, {}],
    ['not_yet_valid', 'issued in the future', { iat: 1_800_000_031 }, {}],
    ['malformed', 'without end', { exp: undefined }, {}],
    ['malformed', 'with an end that is no number', { exp: '1900000000' }, {}],
    ['malformed', 'with an end beyond time', { exp: 1e300 }, {}],
    ['malformed', 'ending before it was issued', { iat: 1_800_000_020, exp: 1_800_000_010 }, {}],
    ['malformed', 'without subject', { sub: undefined }, {}],
    ['malformed', 'with a subject that is no text', { sub: 7 }, {}],
    ['malformed', 'with a line break in its subject', { sub: 'a\nb' }, {}],
    ['wrong_audience', 'for another service', { aud: 'other' }, {}],
    ['wrong_audience', 'for services with similar names', { aud: ['gw2', 'GW', 'g'] }, {}],
    ['wrong_audience', 'without audience', { aud: undefined }, {}],
    ['wrong_audience', 'with an audience that is no text', { aud: { gw: true } }, {}],
    ['wrong_type', 'that is an ID token', { at_hash: 'x' }, {}],
    ['wrong_type', 'that shows nothing of an access token', { client_id: undefined }, {}],
    ['wrong_type', 'that is an ID token of Cognito', { token_use: 'id' }, {}],
    ['wrong_type', 'that is an ID token of Keycloak', { typ: 'ID' }, {}],
    ['wrong_type', 'that is a logout token', {}, { typ: 'logout+jwt' }],
    ['wrong_type', 'with a typ that is no text', {}, { typ: 5 }],
    ['sender_constrained', 'bound to a key', { cnf: { jkt: 'x' } }, {}],
    ['malformed', 'with an unknown critical extension', {}, { crit: ['urn:unknown'], 'urn:unknown': 1 }],
    ['malformed', 'with groups that are no names', { groups: [{ admin: true }] }, {}],
    ['malformed', 'with groups that are an object', { groups: { admin: true } }, {}],
    [
      'too_many_groups',
      'with too many groups',
      { groups: Array.from({ length: 2_001 }, (_, i) => `${i}`) },
      {},
    ],
    ['groups_overage', 'whose groups Entra left out', { _claim_names: { groups: 'src1' } }, {}],
    ['groups_overage', 'whose groups Entra left out (hint)', { hasgroups: true }, {}],
  ])('is refused as %s: one %s', async (reason, _, claims, header) => {
    await expect(make().authenticate(await sign(claims, header))).rejects.toMatchObject(refused(reason));
  });

  it.each([
    [{ exp: 1_799_999_971, iat: 1_799_999_900 }, {}],
    [{ nbf: 1_800_000_030 }, {}],
    [{ iat: 1_800_000_030 }, {}],
    [{ aud: ['other', 'gw'] }, {}],
    [{ typ: 'Bearer' }, { typ: 'application/at+jwt' }],
    [{}, { typ: 'JWT' }],
    [{ client_id: undefined }, { typ: 'at+jwt' }],
    [{ client_id: undefined, scp: 'gw' }, {}],
    [{ client_id: undefined, token_use: 'access' }, {}],
  ])('is accepted at the edge: %j %j', async (claims, header) => {
    await expect(make().authenticate(await sign(claims, header))).resolves.toMatchObject({
      subject: 'alice',
    });
  });

  it('says what it had and what was expected, and never quotes the token', async () => {
    const token = await sign({ aud: 'other\u001b[31m' });
    const error = await make()
      .authenticate(token)
      .catch((e) => e);
    expect(error.detail).toBe('Its audience is "other\\u001b[31m"; expected is "gw".');
    expect(JSON.stringify([error.message, error.detail, error.hint])).not.toContain(token.split('.')[2]);
    const late = await make()
      .authenticate(await sign({ exp: 1_700_000_000, iat: 1 }))
      .catch((e) => e);
    expect(late.detail).toContain('2023-11-14T22:13:20.000Z');
    expect(late.detail).toContain('2027-01-15T08:00:00.000Z');
  });

  it('of another issuer is refused without asking anyone', async () => {
    const token = await sign({ iss: 'https://evil.example' });
    await expect(make().authenticate(token)).rejects.toMatchObject(refused('wrong_issuer'));
    await expect(make().authenticate(await sign({ iss: `${idp.issuer}/` }))).rejects.toMatchObject(
      refused('wrong_issuer'),
    );
    expect(idp.hits.size).toBe(0);
  });

  it('signed by one provider cannot speak for another', async () => {
    const other = await FakeIdp.start();
    try {
      const otherKey = await testKey('one');
      other.keys = [otherKey.jwk];
      const both = make(provider(idp.issuer), provider(other.issuer, { name: 'other' }));
      const forged = await signToken(idp, otherKey, clock);
      await expect(both.authenticate(forged)).rejects.toMatchObject(refused('bad_signature'));
      const own = await signToken(other, otherKey, clock);
      await expect(both.authenticate(own)).resolves.toMatchObject({ provider: 'other' });
    } finally {
      await other.stop();
    }
  });

  it('is refused for what is no bearer token at all', async () => {
    const authenticator = make();
    for (const [text, reason] of [
      ['', 'missing'],
      ['a b', 'malformed'],
      ['opaque', 'malformed'],
      ['a.b.c', 'malformed'],
      ['gws_eyJhbGciOiJFZERTQSJ9.e30.x', 'wrong_type'],
      ['x'.repeat(LIMITS.tokenBytes + 1), 'malformed'],
      [`${Buffer.from('{"alg":"dir","enc":"A128GCM"}').toString('base64url')}....`.slice(0, -1), 'malformed'],
    ]) {
      await expect(authenticator.authenticate(text!), text).rejects.toMatchObject(refused(reason!));
    }
  });

  it('as ID token is accepted only where the provider says so', async () => {
    const ids = make(provider(idp.issuer, { token: 'id', audience: ['gw-cli'] }));
    const id = { aud: 'gw-cli', at_hash: 'x', nonce: 'n' };
    await expect(ids.authenticate(await sign(id))).resolves.toMatchObject({ subject: 'alice' });
    await expect(ids.authenticate(await sign(id, { typ: 'at+jwt' }))).rejects.toMatchObject(
      refused('wrong_type'),
    );
    await expect(ids.authenticate(await sign({ ...id, typ: 'Bearer' }))).rejects.toMatchObject(
      refused('wrong_type'),
    );
  });

  it('of a CI platform need not show that it is an access token', async () => {
    const match = [{ claims: { repository: 'acme/shop' }, groups: ['ci'] }];
    const ci = make(provider(idp.issuer, { kind: 'machine', match }));
    const token = await sign({ client_id: undefined, repository: 'acme/shop' });
    await expect(ci.authenticate(token)).resolves.toMatchObject({ groups: ['ci'] });
  });

  it('is verified once, then remembered until it ends', async () => {
    const authenticator = make();
    const token = await sign({ exp: 1_800_000_060 });
    const [first, second] = await Promise.all([
      authenticator.authenticate(token),
      authenticator.authenticate(token),
    ]);
    expect(first).toBe(second);
    idp.answers.clear();
    clock.advance(59_000);
    expect(await authenticator.authenticate(token)).toBe(first);
    clock.advance(31_000);
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(refused('expired'));
    expect(idp.hits.get('/jwks')).toBe(1);
  });

  it('is verified again now and then, so that a withdrawn key ends it', async () => {
    const authenticator = make();
    const token = await sign({ exp: 1_800_003_600 });
    await authenticator.authenticate(token);
    idp.keys = [(await testKey('two')).jwk];
    clock.advance(LIMITS.identityKeysFreshMs);
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(refused('unknown_key'));
  });
});

describe('providers that share an issuer', () => {
  const machines = () =>
    provider(idp.issuer, {
      name: 'ci',
      kind: 'machine',
      groupsClaim: undefined,
      match: [{ claims: { client_id: 'robot' }, groups: ['ci'] }],
    });

  it('are tried in order; the first that accepts is taken', async () => {
    const authenticator = make(machines(), provider(idp.issuer));
    await expect(authenticator.authenticate(await sign({ client_id: 'robot' }))).resolves.toMatchObject({
      provider: 'ci',
      kind: 'machine',
      groups: ['ci'],
      name: 'alice',
    });
    await expect(authenticator.authenticate(await sign({ client_id: 'gw-cli' }))).resolves.toMatchObject({
      provider: 'corp',
    });
  });

  it('give the reason of the one that came furthest', async () => {
    const authenticator = make(provider(idp.issuer, { audience: ['people'] }), machines());
    await expect(authenticator.authenticate(await sign())).rejects.toMatchObject(refused('no_match'));
  });
});

describe('check', () => {
  it('tells which providers work', async () => {
    const broken = provider('http://127.0.0.1:1', { name: 'broken' });
    const results = await make(provider(idp.issuer), broken).check();
    expect(results.map(({ provider: name, error }) => [name, error?.code])).toEqual([
      ['corp', undefined],
      ['broken', 'identity_provider_unreachable'],
    ]);
  });
});

describe('an opaque token', () => {
  const settings = (changes: Partial<IdentityProviderConfig> = {}) =>
    provider(idp.issuer, {
      token: 'introspection',
      introspection: { clientId: 'gw:1', clientSecret: { kind: 'env', name: 'SECRET' }, endpoint: undefined },
      ...changes,
    });
  const active = { active: true, sub: 'alice', aud: 'gw', token_type: 'Bearer', exp: 1_800_000_300 };
  const says = (answer: Record<string, unknown>) => idp.answers.set('/introspect', json(answer));

  it('is asked about with the credentials of the gateway, and becomes an identity', async () => {
    const seen: unknown[] = [];
    idp.answers.set('/introspect', (request, response, body) => {
      seen.push(request.method, request.headers.authorization, body);
      json({ ...active, groups: 'dev ops' })(request, response, body);
    });
    const identity = await make(settings()).authenticate('opaque-token');
    expect(identity).toMatchObject({
      subject: 'alice',
      groups: ['dev', 'ops'],
      tokenExpiresAtMs: 1_800_000_300_000,
    });
    const basic = Buffer.from('gw%3A1:s3+cret%3A%25').toString('base64');
    expect(seen).toEqual(['POST', `Basic ${basic}`, 'token=opaque-token&token_type_hint=access_token']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['inactive', { active: false }],
    ['inactive', { ...active, active: 'true' }],
    ['inactive', {}],
    ['wrong_audience', { ...active, aud: 'other' }],
    ['wrong_audience', { ...active, aud: undefined, client_id: 'other' }],
    ['wrong_audience', { ...active, aud: undefined, client_id: 'gw', token_type: undefined }],
    ['wrong_type', { ...active, token_type: 'DPoP' }],
    ['wrong_type', { ...active, token_use: 'refresh_token' }],
    ['wrong_type', { ...active, typ: 'Refresh' }],
    ['wrong_issuer', { ...active, iss: 'https://evil.example' }],
    ['expired', { ...active, exp: 1_700_000_000 }],
    ['sender_constrained', { ...active, cnf: {} }],
    ['malformed', { ...active, sub: undefined, client_id: 'robot' }],
  ])('is refused as %s: %j', async (reason, answer) => {
    says(answer);
    await expect(make(settings()).authenticate('opaque')).rejects.toMatchObject(refused(reason));
  });

  it('of a machine without subject is its client', async () => {
    says({ ...active, sub: undefined, client_id: 'robot' });
    const machine = settings({
      kind: 'machine',
      match: [{ claims: { client_id: 'robot' }, groups: ['ci'] }],
    });
    await expect(make(machine).authenticate('opaque')).resolves.toMatchObject({
      subject: 'robot',
      groups: ['ci'],
    });
  });

  it('is asked about again after half a minute', async () => {
    says(active);
    const authenticator = make(settings());
    await authenticator.authenticate('opaque');
    await authenticator.authenticate('opaque');
    expect(idp.hits.get('/introspect')).toBe(1);
    says({ active: false });
    clock.advance(LIMITS.introspectedTokenMs);
    await expect(authenticator.authenticate('opaque')).rejects.toMatchObject(refused('inactive'));
  });

  it('says so when the gateway itself is refused', async () => {
    idp.answers.set('/introspect', json({ error: 'invalid_client' }, 401));
    await expect(make(settings()).authenticate('opaque')).rejects.toMatchObject({
      code: 'identity_provider_unreachable',
      detail: 'Its introspection endpoint answers 401.',
    });
  });

  it('goes to no provider that verifies JWTs, and a JWT of somebody else goes to none that is asked', async () => {
    says(active);
    const authenticator = make(settings());
    const foreign = await sign({ iss: 'https://other.example' });
    await expect(authenticator.authenticate(foreign)).rejects.toMatchObject(refused('wrong_issuer'));
    expect(idp.hits.get('/introspect')).toBeUndefined();
  });

  it('is bounded in how many are asked about at one time', async () => {
    const waiting: (() => void)[] = [];
    idp.answers.set('/introspect', (request, response, body) => {
      waiting.push(() => json(active)(request, response, body));
    });
    const authenticator = make(settings());
    const running = Array.from({ length: LIMITS.verifyingTokens }, (_, index) =>
      authenticator.authenticate(`t${index}`),
    );
    await expect(authenticator.authenticate('one-more')).rejects.toMatchObject({ code: 'rate_limited' });
    while (waiting.length < running.length) await new Promise((done) => setImmediate(done));
    for (const answer of waiting) answer();
    expect(await Promise.all(running)).toHaveLength(LIMITS.verifyingTokens);
  });
});
