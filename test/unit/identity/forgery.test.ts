import { createHmac, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authenticator, createAuthenticator } from '../../../src/gateway/identity/authenticator.ts';
import { readJwt } from '../../../src/gateway/identity/jwt-text.ts';
import { TokenRefused } from '../../../src/gateway/identity/refusal.ts';
import { FakeIdp, provider, signToken, type TestKey, testClock, testKey } from './fake-idp.ts';

/** What an attacker who has a valid token, and everything public, can make of it. */

const clock = testClock();
let idp: FakeIdp;
let rsa: TestKey;
let ec: TestKey;
let ed: TestKey;
let authenticator: Authenticator;

beforeAll(async () => {
  [idp, rsa, ec, ed] = await Promise.all([
    FakeIdp.start(),
    testKey('rsa', 'RS256'),
    testKey('ec'),
    testKey('ed', 'EdDSA'),
  ]);
  idp.keys = [rsa.jwk, ec.jwk, ed.jwk];
  authenticator = createAuthenticator([provider(idp.issuer, { algorithms: ['RS256', 'ES256', 'EdDSA'] })], {
    clock,
  });
});
afterAll(() => idp.stop());

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = () => {
  const now = clock.now() / 1_000;
  return { iss: idp.issuer, sub: 'admin', aud: 'gw', iat: now, exp: now + 60 };
};
const reasonOf = async (token: string): Promise<string> => {
  const error = await authenticator.authenticate(token).then(
    () => 'accepted',
    (e) => e,
  );
  return error instanceof TokenRefused ? error.reason : String(error);
};

describe('algorithm confusion', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', ''])(
    '"%s" is refused, with and without signature',
    async (alg) => {
      const input = `${b64({ alg, typ: 'JWT' })}.${b64(claims())}`;
      expect(await reasonOf(`${input}.`)).toMatch(/^(algorithm|malformed)$/);
      expect(await reasonOf(`${input}.AAAA`)).toMatch(/^(algorithm|malformed)$/);
    },
  );

  it('a MAC keyed with any form of the public key is refused', async () => {
    for (const key of [rsa, ec, ed]) {
      const publicKey = createPublicKey({ key: key.jwk as never, format: 'jwk' });
      const pem = publicKey.export({ format: 'pem', type: 'spki' });
      const der = publicKey.export({ format: 'der', type: 'spki' });
      for (const secret of [pem, String(pem).trimEnd(), der, JSON.stringify(key.jwk), '']) {
        for (const [alg, digest] of [
          ['HS256', 'sha256'],
          ['HS512', 'sha512'],
        ] as const) {
          const input = `${b64({ alg, kid: key.kid })}.${b64(claims())}`;
          const mac = createHmac(digest, secret).update(input).digest('base64url');
          expect(await reasonOf(`${input}.${mac}`)).toBe('algorithm');
        }
      }
    }
  });

  it('an algorithm that is sound but not allowed is refused', async () => {
    const pss = await testKey('rsa', 'PS256');
    const token = await signToken(idp, pss, clock);
    expect(await reasonOf(token)).toBe('algorithm');
  });

  it('one key is not used with the algorithm of another', async () => {
    for (const [key, alg] of [
      [rsa, 'ES256'],
      [ec, 'RS256'],
      [ed, 'ES256'],
    ] as const) {
      const valid = await signToken(idp, key, clock);
      const [, body, signature] = valid.split('.');
      expect(await reasonOf(`${b64({ alg, kid: key.kid })}.${body}.${signature}`)).toBe('unknown_key');
    }
  });
});

describe('a key that the token brings along', () => {
  it.each([
    ['jwk', (jwk: JWK) => ({ jwk })],
    ['jku', () => ({ jku: `${idp.issuer}/evil-jwks` })],
    ['x5u', () => ({ x5u: `${idp.issuer}/evil-jwks` })],
  ])('in %s is not looked at', async (_, header) => {
    const evil = await testKey('ec');
    const token = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256', kid: 'ec', ...header(evil.jwk) } as never)
      .sign(evil.privateKey);
    expect(await reasonOf(token)).toBe('bad_signature');
    expect(idp.hits.has('/evil-jwks')).toBe(false);
  });
});

describe('a mutation of a valid token', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let valid: string[];
  beforeAll(async () => {
    valid = await Promise.all([rsa, ec, ed].map((key) => signToken(idp, key, clock)));
    for (const token of valid) expect(await reasonOf(token)).toBe('accepted');
  });

  it('of any one character is refused', async () => {
    const change = fc.tuple(
      fc.nat({ max: 2 }),
      fc.nat(),
      fc.constantFrom(...ALPHABET, '.', '=', '+', '/', ' '),
    );
    await fc.assert(
      fc.asyncProperty(change, async ([which, at, letter]) => {
        const token = valid[which]!;
        const index = at % token.length;
        fc.pre(token[index] !== letter);
        expect(await reasonOf(token.slice(0, index) + letter + token.slice(index + 1))).not.toBe('accepted');
      }),
      { numRuns: 400 },
    );
  });

  it('in the last character of a signature, where bits are unused, is refused', async () => {
    for (const token of valid) {
      for (const letter of ALPHABET) {
        const changed = token.slice(0, -1) + letter;
        if (changed !== token) expect(await reasonOf(changed)).not.toBe('accepted');
      }
    }
  });

  it('by cutting, repeating, padding or swapping parts is refused', async () => {
    const [head, body, signature] = valid[1]!.split('.') as [string, string, string];
    const other = (await signToken(idp, ec, clock, { claims: { sub: 'bob' } })).split('.');
    for (const token of [
      `${head}.${body}`,
      `${head}.${body}.`,
      `${head}..${signature}`,
      `.${body}.${signature}`,
      `${head}.${body}.${signature}.`,
      `${head}.${body}.${signature}.${signature}`,
      `${head}.${body}.${signature}=`,
      `${head}.${body}.${signature}==`,
      `${head}=.${body}.${signature}`,
      `${head}.${other[1]}.${signature}`,
      `${head}.${body}.${other[2]}`,
      `${body}.${head}.${signature}`,
    ]) {
      expect(await reasonOf(token), token).not.toBe('accepted');
    }
  });
});

describe('arbitrary text', () => {
  it('is refused or taken for an opaque token, and nothing else is thrown', () => {
    const part = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        try {
          readJwt(parts.join('.'));
        } catch (error) {
          expect(error).toBeInstanceOf(TokenRefused);
        }
      }),
    );
  });
});
