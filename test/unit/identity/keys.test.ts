import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import type { IdentityProviderConfig } from '../../../src/gateway/config/types.ts';
import { createAuthenticator } from '../../../src/gateway/identity/authenticator.ts';
import { metadataUrls } from '../../../src/gateway/identity/discovery.ts';
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

const DISCOVERY = '/.well-known/openid-configuration';

let idp: FakeIdp;
let one: TestKey;
let two: TestKey;
let clock: TestClock;

beforeEach(async () => {
  [idp, one, two] = await Promise.all([FakeIdp.start(), testKey('one'), testKey('two')]);
  idp.keys = [one.jwk];
  clock = testClock();
});
afterEach(() => idp.stop());

const make = (changes: Partial<IdentityProviderConfig> = {}, timeoutMs = 2_000) =>
  createAuthenticator([provider(idp.issuer, changes)], { clock, timeoutMs, env: { TOKEN: 'sa-token' } });
let serial = 0;
/** A fresh token each time, so that none is remembered. */
const sign = (key: TestKey, header = {}) =>
  signToken(idp, key, clock, { claims: { jti: `${serial++}` }, header });
const unreachable = { code: 'identity_provider_unreachable' };

describe('signing keys', () => {
  it('are fetched once for many tokens', async () => {
    const authenticator = make();
    await Promise.all(
      (await Promise.all([one, one, one].map((key) => sign(key)))).map(authenticator.authenticate),
    );
    expect(idp.hits.get('/jwks')).toBe(1);
    expect(idp.hits.get(DISCOVERY)).toBe(1);
  });

  it('rotate: an unknown key id fetches them again', async () => {
    const authenticator = make();
    await authenticator.authenticate(await sign(one));
    idp.keys = [one.jwk, two.jwk];
    clock.advance(LIMITS.identityProviderCooldownMs);
    await expect(authenticator.authenticate(await sign(two))).resolves.toBeDefined();
    await expect(authenticator.authenticate(await sign(one))).resolves.toBeDefined();
    expect(idp.hits.get('/jwks')).toBe(2);
  });

  it('rotate without key ids too', async () => {
    const bare = (key: TestKey) => ({ ...key.jwk, kid: undefined });
    idp.keys = [bare(one)];
    const authenticator = make();
    await authenticator.authenticate(await sign(one, { kid: undefined }));
    idp.keys = [bare(two)];
    clock.advance(LIMITS.identityProviderCooldownMs);
    await expect(authenticator.authenticate(await sign(two, { kid: undefined }))).resolves.toBeDefined();
  });

  it('are not fetched for each invented key id', async () => {
    const authenticator = make();
    await authenticator.authenticate(await sign(one));
    clock.advance(LIMITS.identityProviderCooldownMs);
    for (let index = 0; index < 20; index++) {
      const token = await sign(two, { kid: `invented-${index}` });
      await expect(authenticator.authenticate(token)).rejects.toMatchObject({ reason: 'unknown_key' });
    }
    expect(idp.hits.get('/jwks')).toBe(2);
  });

  it('are kept through an outage, for a bounded time', async () => {
    const authenticator = make();
    await authenticator.authenticate(await sign(one));
    idp.answers.set('/jwks', json({}, 503));
    idp.answers.set(DISCOVERY, json({}, 503));
    clock.advance(LIMITS.identityKeysFreshMs);
    await expect(authenticator.authenticate(await sign(one))).resolves.toBeDefined();
    await expect(authenticator.authenticate(await sign(one))).resolves.toBeDefined();
    expect(idp.hits.get('/jwks'), 'one attempt per cool-down').toBe(2);
    clock.advance(LIMITS.identityKeysStaleMs);
    await expect(authenticator.authenticate(await sign(one))).rejects.toMatchObject(unreachable);
    idp.answers.set('/jwks', json({ keys: [one.jwk] }));
    idp.answers.set(DISCOVERY, json(idp.metadata()));
    clock.advance(LIMITS.identityProviderCooldownMs);
    await expect(authenticator.authenticate(await sign(one))).resolves.toBeDefined();
  });

  it('that are symmetric, or no keys, are ignored', async () => {
    idp.keys = [{ kty: 'oct', k: 'AAAA', kid: 'sym' }, null as never, 5 as never, one.jwk];
    await expect(make().authenticate(await sign(one))).resolves.toBeDefined();
  });

  it('can be where discovery does not say, and need a token', async () => {
    const seen: (string | undefined)[] = [];
    idp.answers.delete(DISCOVERY);
    idp.answers.set('/openid/v1/jwks', (request, response, body) => {
      seen.push(request.headers.authorization);
      json({ keys: [one.jwk] })(request, response, body);
    });
    const authenticator = make({
      jwksUri: `${idp.issuer}/openid/v1/jwks`,
      discoveryToken: { kind: 'env', name: 'TOKEN' },
    });
    await authenticator.authenticate(await sign(one));
    expect(seen).toEqual(['Bearer sa-token']);
    expect(idp.hits.has(DISCOVERY)).toBe(false);
  });
});

describe('discovery', () => {
  it('falls back to RFC 8414', async () => {
    idp.answers.delete(DISCOVERY);
    idp.answers.set('/.well-known/oauth-authorization-server', json(idp.metadata()));
    await expect(make().authenticate(await sign(one))).resolves.toBeDefined();
  });

  it('knows the addresses of issuers with a path', () => {
    expect(metadataUrls('https://id.example.com/realms/acme')).toEqual([
      'https://id.example.com/realms/acme/.well-known/openid-configuration',
      'https://id.example.com/.well-known/oauth-authorization-server/realms/acme',
    ]);
    expect(metadataUrls('https://id.example.com/')).toEqual([
      'https://id.example.com/.well-known/openid-configuration',
      'https://id.example.com/.well-known/oauth-authorization-server',
    ]);
  });

  it('must be about the configured issuer', async () => {
    idp.answers.set(DISCOVERY, json({ ...idp.metadata(), issuer: 'https://evil.example' }));
    await expect(make().authenticate(await sign(one))).rejects.toMatchObject(unreachable);
  });

  it('must not send the gateway to an address without TLS', async () => {
    idp.answers.set(DISCOVERY, json({ ...idp.metadata(), jwks_uri: 'http://keys.example.com/jwks' }));
    await expect(make().authenticate(await sign(one))).rejects.toMatchObject(unreachable);
  });
});

describe('hostile answers', () => {
  const huge = Buffer.alloc(LIMITS.identityProviderAnswerBytes + 1, ' ');
  it.each<[string, Parameters<FakeIdp['answers']['set']>[1], RegExp]>([
    ['HTML', (_, response) => response.end('<html>sign in</html>'), /no key set/],
    [
      'a redirect',
      (_, response) => response.writeHead(302, { location: '/jwks2' }).end(),
      /redirects \(302\)/,
    ],
    ['too much', (_, response) => response.end(huge), /too large/],
    ['a list', json([]), /no key set/],
    ['nothing but a status', json({ keys: [] }, 500), /answers 500/],
    ['too many keys', json({ keys: Array.from({ length: 101 }, () => ({})) }), /no key set/],
    ['a cut connection', (_, response) => response.destroy(), /ECONNRESET/],
    ['an answer that never ends', (_, response) => response.write('{"keys":['), /no answer within 0.3 s/],
    ['no answer', () => undefined, /no answer within 0.3 s/],
    ['deep nesting', (_, response) => response.end('['.repeat(500_000)), /no key set/],
  ])('%s is an unreachable provider', async (_, answer, detail) => {
    idp.answers.set('/jwks', answer);
    idp.answers.set('/jwks2', json({ keys: [one.jwk] }));
    const error = await make({}, 300)
      .authenticate(await sign(one))
      .catch((e) => e);
    expect(error).toMatchObject({ ...unreachable, detail: expect.stringMatching(detail) });
    expect(idp.hits.has('/jwks2')).toBe(false);
  });

  it('a peer that is no HTTP server is one too', async () => {
    const server: Server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('SSH-2.0-x\r\n'),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const issuer = `http://127.0.0.1:${port}`;
    const authenticator = createAuthenticator([provider(issuer)], { clock, timeoutMs: 2_000 });
    const token = await signToken({ issuer }, one, clock);
    await expect(authenticator.authenticate(token)).rejects.toMatchObject(unreachable);
    await new Promise((done) => server.close(done));
  });
});
