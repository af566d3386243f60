import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import type { Identity } from '../../../src/gateway/identity/identity.ts';
import { SessionGrants } from '../../../src/gateway/identity/session-grants.ts';
import {
  fixedSigningKeys,
  generateSigningKey,
  type SigningKeys,
  signingKeyFromJwk,
  signingKeyFromPem,
  signingKeyToJwk,
  signingKeyToPem,
} from '../../../src/gateway/identity/signing-keys.ts';
import { testClock } from './fake-idp.ts';

const HOUR = 3_600_000;
const alice: Identity = {
  id: 'https://id.example.com|u1',
  subject: 'u1',
  issuer: 'https://id.example.com',
  provider: 'corp',
  kind: 'human',
  name: 'Alice Ä',
  email: 'alice@example.com',
  groups: ['dev', 'ops'],
  tokenExpiresAtMs: 1_800_000_300_000,
};
const key = generateSigningKey();

function setup(keys: SigningKeys = fixedSigningKeys(key), startMs?: number) {
  const clock = testClock(startMs);
  const options = { ttlMs: HOUR, sessionLimitMs: 12 * HOUR, clock };
  return {
    clock,
    options,
    grants: new SessionGrants(keys, options),
    fresh: () => new SessionGrants(keys, options),
  };
}
const wrong = { code: 'wrong_credential' };

describe('a session grant', () => {
  it('carries identity, target and both ends, to any gateway with the keys', async () => {
    const { grants, fresh, clock } = setup(undefined, 1_800_000_000_123);
    const { token, claims } = await grants.issue(alice, 'prod-db');
    expect(token).toMatch(/^gws_[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(claims).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      identity: alice,
      target: 'prod-db',
      issuedAtMs: clock.now(),
      expiresAtMs: clock.now() + HOUR,
      endsAtMs: clock.now() + 12 * HOUR,
    });
    expect(await fresh().verify(token)).toEqual(claims);
    expect(fresh().verifySync(token)).toEqual(claims);
  });

  it('is a JWT with a type of its own', async () => {
    const { token } = await setup().grants.issue(alice, 'prod-db');
    const header = JSON.parse(Buffer.from(token.slice(4).split('.')[0]!, 'base64url').toString());
    expect(header).toEqual({ alg: 'EdDSA', typ: 'gw-session+jwt', kid: key.kid });
  });

  it('expires, also when it was verified before', async () => {
    const { grants, fresh, clock } = setup();
    const { token } = await grants.issue(alice, 'prod-db');
    clock.advance(HOUR - 1);
    expect(grants.verifyCached(token)).toBeDefined();
    clock.advance(1);
    expect(grants.verifyCached(token)).toBeUndefined();
    const expired = { code: 'expired', hint: 'Get a new one with: gw token prod-db' };
    await expect(grants.verify(token)).rejects.toMatchObject(expired);
    expect(() => fresh().verifySync(token)).toThrow(expect.objectContaining(expired));
  });

  it('does not outlive an end it is given, and a renewal has its own', async () => {
    const { grants, clock } = setup();
    const { claims } = await grants.issue(alice, 'prod-db', clock.now() + 60_000);
    expect(claims.expiresAtMs).toBe(clock.now() + 60_000);
    expect(claims.endsAtMs).toBe(clock.now() + 60_000);
    clock.advance(HOUR);
    expect((await grants.issue(alice, 'prod-db')).claims.endsAtMs).toBe(clock.now() + 12 * HOUR);
  });

  it('is verified once; after that it costs a look', async () => {
    let asked = 0;
    const keys = fixedSigningKeys(key);
    const { grants, fresh } = setup({
      ...keys,
      find(kid) {
        asked++;
        return keys.find(kid);
      },
    });
    const { token } = await grants.issue(alice, 'prod-db');
    const other = fresh();
    expect(other.verifyCached(token)).toBeUndefined();
    const claims = await other.verify(token);
    asked = 0;
    for (let index = 0; index < 1_000; index++) expect(other.verifyCached(token)).toBe(claims);
    expect(asked).toBe(1_000);
  });

  it('ends with its key, also when it was verified before', async () => {
    const keys = { ...fixedSigningKeys(key) };
    const { grants } = setup(keys);
    const { token } = await grants.issue(alice, 'prod-db');
    expect(await grants.verify(token)).toBeDefined();
    keys.find = () => undefined;
    expect(grants.verifyCached(token)).toBeUndefined();
    await expect(grants.verify(token)).rejects.toMatchObject(wrong);
  });

  it('signed with a key of another gateway makes this one look for keys, once', async () => {
    const later = generateSigningKey();
    let known = fixedSigningKeys(key);
    let refreshed = 0;
    const { grants } = setup({
      current: () => known.current(),
      find: (kid) => known.find(kid),
      async refresh() {
        refreshed++;
        known = fixedSigningKeys(later, key);
      },
    });
    const { token } = await setup(fixedSigningKeys(later)).grants.issue(alice, 'prod-db');
    expect(() => grants.verifySync(token)).toThrow(expect.objectContaining(wrong));
    expect((await grants.verify(token)).identity).toEqual(alice);
    await grants.verify(token);
    expect(refreshed).toBe(1);
  });

  it('that would be too large is not issued', async () => {
    const groups = Array.from({ length: 1_500 }, (_, index) => `group-with-a-long-name-${index}`);
    await expect(setup().grants.issue({ ...alice, groups }, 'prod-db')).rejects.toMatchObject({
      code: 'limit',
    });
  });
});

describe('a forged session grant', () => {
  const forge = (payload: unknown, header: unknown, signer = key.privateKey) => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part(header)}.${part(payload)}`;
    return `gws_${input}.${sign(null, Buffer.from(input), signer).toString('base64url')}`;
  };
  const HEADER = { alg: 'EdDSA', typ: 'gw-session+jwt', kid: key.kid };

  it('is refused whatever it is', async () => {
    const { grants, fresh } = setup();
    const { token } = await grants.issue(alice, 'prod-db');
    const payload = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect(await fresh().verify(forge(payload, HEADER)), 'the forge works').toBeDefined();
    const other = generateKeyPairSync('ed25519').privateKey;
    for (const [why, bad] of [
      ['another key', forge(payload, HEADER, other)],
      ['no key id', forge(payload, { alg: 'EdDSA', typ: 'gw-session+jwt' })],
      ['unknown key id', forge(payload, { ...HEADER, kid: 'x' })],
      ['alg none', forge(payload, { ...HEADER, alg: 'none' })],
      ['alg of another family', forge(payload, { ...HEADER, alg: 'HS256' })],
      ['another type signed with this key', forge(payload, { ...HEADER, typ: 'JWT' })],
      ['an extension', forge(payload, { ...HEADER, crit: ['x'], x: 1 })],
      ['a missing claim', forge({ ...payload, exp: undefined }, HEADER)],
      ['an endless claim', forge({ ...payload, exp: 'never' }, HEADER)],
      ['an unknown claim', forge({ ...payload, admin: true }, HEADER)],
      ['no prefix', token.slice(4)],
      ['another prefix', `gwx_${token.slice(4)}`],
      ['nothing', ''],
      ['only a prefix', 'gws_'],
      ['no payload', 'gws_a.b.c'],
      ['too long', `gws_${'a'.repeat(LIMITS.tokenBytes)}`],
    ] as const) {
      await expect(fresh().verify(bad), why).rejects.toMatchObject(wrong);
      expect(() => fresh().verifySync(bad), why).toThrow(expect.objectContaining(wrong));
      expect(fresh().verifyCached(bad), why).toBeUndefined();
    }
  });

  it('by changing any one character is refused', async () => {
    const { grants } = setup();
    const { token } = await grants.issue(alice, 'prod-db');
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=';
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom(...letters), (at, letter) => {
        fc.pre(token[at] !== letter);
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        expect(() => grants.verifySync(changed)).toThrow(expect.objectContaining(wrong));
      }),
      { numRuns: 500 },
    );
    for (const letter of letters) {
      const changed = token.slice(0, -1) + letter;
      if (changed !== token) expect(() => grants.verifySync(changed)).toThrow(expect.objectContaining(wrong));
    }
  });
});

describe('signing keys', () => {
  it('survive being kept as JWK and as PEM, with the same id', () => {
    for (const again of [signingKeyFromJwk(signingKeyToJwk(key)), signingKeyFromPem(signingKeyToPem(key))]) {
      expect(again.kid).toBe(key.kid);
      expect(again.publicKey.equals(key.publicKey)).toBe(true);
      expect(again.privateKey.equals(key.privateKey)).toBe(true);
    }
  });

  it('of another kind are refused, without quoting them', () => {
    const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      format: 'pem',
      type: 'pkcs8',
    }) as string;
    for (const text of [pem, 'hunter2', '']) {
      const error = (() => {
        try {
          return signingKeyFromPem(text);
        } catch (e) {
          return e;
        }
      })();
      expect(error).toMatchObject({ code: 'configuration' });
      expect(error).not.toHaveProperty('cause');
    }
    expect(() => signingKeyFromJwk({ kty: 'oct', k: 'AAAA' })).toThrow(
      expect.objectContaining({ code: 'configuration' }),
    );
  });
});
