import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MatchRule } from '../../../src/gateway/config/types.ts';
import { claimAt } from '../../../src/gateway/identity/claim-paths.ts';
import { identityFrom } from '../../../src/gateway/identity/claims.ts';
import { whyMayConnect } from '../../../src/gateway/identity/connect-rule.ts';
import { matchesGlob } from '../../../src/gateway/identity/glob.ts';
import { groupsOf } from '../../../src/gateway/identity/groups.ts';
import { provider } from './fake-idp.ts';

describe('claimAt', () => {
  const claims = {
    plain: 1,
    realm_access: { roles: ['a'] },
    'https://example.com/groups': ['b'],
    'kubernetes.io': { namespace: 'ci', serviceaccount: { name: 'runner' } },
    list: [{ x: 1 }],
  };
  it.each<[string | string[], unknown]>([
    ['plain', 1],
    ['realm_access.roles', ['a']],
    [['realm_access', 'roles'], ['a']],
    ['https://example.com/groups', ['b']],
    ['kubernetes.io.namespace', 'ci'],
    ['kubernetes.io.serviceaccount.name', 'runner'],
    ['list.0', undefined],
    ['plain.x', undefined],
    ['constructor', undefined],
    ['realm_access.constructor.name', undefined],
    ['__proto__.x', undefined],
    ['.', undefined],
    ['', undefined],
  ])('%j', (path, expected) => expect(claimAt(claims, path)).toEqual(expected));
});

describe('matchesGlob', () => {
  it.each<[string, string, boolean]>([
    ['refs/heads/*', 'refs/heads/main', true],
    ['refs/heads/*', 'refs/heads/', true],
    ['refs/heads/*', 'refs/heads/a/b', false],
    ['refs/heads/**', 'refs/heads/a/b', true],
    ['refs/heads/*', 'xrefs/heads/a', false],
    ['acme/*', 'acme-evil/shop', false],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main', true],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:environment:x:ref:refs/heads/main', false],
    ['release-*', 'release-1.2', true],
    ['a.c', 'abc', false],
    ['[a-z]*', 'b', false],
    ['*', '', true],
    ['**', 'a/b:c', true],
    ['é*', 'éa', true],
  ])('%s on %s', (pattern, value, expected) => expect(matchesGlob(pattern, value)).toBe(expected));

  it('agrees with a regular expression', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', ':', '*'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (pattern, value) => {
        const source = pattern
          .replace(/\*\*+/g, '\u0001')
          .replace(/\*/g, '[^/:]*')
          .replace(/\u0001/g, '.*');
        expect(matchesGlob(pattern, value)).toBe(new RegExp(`^${source}$`, 's').test(value));
      }),
    );
  });

  it('takes no time worth mentioning on what makes a backtracking matcher hang', () => {
    expect(matchesGlob('*a'.repeat(200), 'a'.repeat(2_000))).toBe(true);
    expect(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(2_000))).toBe(false);
    expect(matchesGlob('**', 'a'.repeat(3_000)), 'longer than any claim').toBe(false);
  });
});

describe('groupsOf', () => {
  const match: MatchRule[] = [
    { claims: { repository: 'acme/shop', ref: { glob: 'refs/heads/release-*' } }, groups: ['deploy', 'ci'] },
    { claims: { repository: 'acme/shop' }, groups: ['ci'] },
    { claims: { ref_protected: 'true', project_id: '7' }, groups: ['gitlab'] },
  ];
  const machine = provider('https://ci.example.com', { kind: 'machine', groupsClaim: undefined, match });

  it('is the union of all rules that match', () => {
    const claims = { repository: 'acme/shop', ref: 'refs/heads/release-1' };
    expect(groupsOf(machine, claims)).toEqual(['deploy', 'ci']);
    expect(groupsOf(machine, { ...claims, ref: 'refs/heads/main' })).toEqual(['ci']);
  });

  it('compares numbers and booleans by their text', () => {
    expect(groupsOf(machine, { ref_protected: true, project_id: 7 })).toEqual(['gitlab']);
    expect(groupsOf(machine, { ref_protected: 'true', project_id: '7' })).toEqual(['gitlab']);
  });

  it('adds the groups of the claim where one is configured', () => {
    const both = { ...machine, groupsClaim: 'roles' };
    expect(groupsOf(both, { repository: 'acme/shop', roles: 'a  ci b' })).toEqual(['a', 'ci', 'b']);
  });

  it.each([
    [{ repository: 'acme/Shop' }],
    [{ repository: 'acme/shop ' }],
    [{ repository: ['acme/shop'] }],
    [{ repository: { toString: 'acme/shop' } }],
    [{ repository: null }],
    [{}],
  ])('refuses %j, naming claims and no values', (claims) => {
    const error = (() => {
      try {
        return groupsOf(machine, { ...claims, secret_value: 'hunter2' });
      } catch (e) {
        return e as { detail: string };
      }
    })();
    expect(error).toMatchObject({ code: 'not_signed_in', reason: 'no_match' });
    expect((error as { detail: string }).detail).toContain('"secret_value"');
    expect((error as { detail: string }).detail).not.toMatch(/hunter2|acme/);
  });

  it('never matches by a rule without claims', () => {
    const empty = { ...machine, match: [{ claims: {}, groups: ['all'] }] };
    expect(() => groupsOf(empty, {})).toThrow();
  });
});

describe('name and e-mail address', () => {
  const human = provider('https://id.example.com');
  const of = (claims: Record<string, unknown>, changes = {}) =>
    identityFrom({ ...human, ...changes }, claims, 'u1', 0);

  it('come from the usual claims', () => {
    expect(of({ email: 'a@b.c', name: 'A' })).toMatchObject({ name: 'a@b.c', email: 'a@b.c' });
    expect(of({ preferred_username: 'alice', name: 'A' }).name).toBe('alice');
    expect(of({}).name).toBe('u1');
    expect(of({ nick: 'al', email: 'a@b.c' }, { nameClaim: 'nick' }).name).toBe('al');
  });

  it('are not taken when unverified, absurd or of a machine', () => {
    const unverified = of({ email: 'ceo@b.c', email_verified: false }, { nameClaim: 'email' });
    expect(unverified.email).toBeUndefined();
    expect(unverified.name).toBe('u1');
    expect(of({ email: 'a@b.c', email_verified: 'false' }).email).toBeUndefined();
    expect(of({ email: 'no address' }).email).toBeUndefined();
    expect(of({ email: 'a@b.c\nx' }).email).toBeUndefined();
    expect(of({ name: 'line\nbreak' }).name).toBe('u1');
    expect(of({ name: 'x'.repeat(1_000) }).name).toHaveLength(256);
    expect(of({ email: 'a@b.c' }, { kind: 'machine' })).not.toHaveProperty('email');
  });
});

describe('whyMayConnect', () => {
  const alice = identityFrom(
    provider('https://id.example.com'),
    { groups: ['dev'], email: 'Alice@example.com' },
    'u1',
    0,
  );
  const connect = (groups: string[], identities: [string | undefined, string][] = []) => ({
    groups,
    identities: identities.map(([from, name]) => ({ provider: from, name })),
  });

  it.each<[string, ReturnType<typeof connect>, string | undefined]>([
    ['a group', connect(['ops', 'dev']), 'group dev'],
    ['an address', connect([], [[undefined, 'alice@example.com']]), 'identity alice@example.com'],
    ['a subject', connect([], [['corp', 'u1']]), 'identity corp/u1'],
    [
      'an address at a provider',
      connect([], [['corp', 'alice@example.com']]),
      'identity corp/alice@example.com',
    ],
    ['a group by similar name', connect(['Dev', 'de', 'devs']), undefined],
    ['a subject without provider', connect([], [[undefined, 'u1']]), undefined],
    ['a subject at another provider', connect([], [['other', 'u1']]), undefined],
    ['a subject in other letters', connect([], [['corp', 'U1']]), undefined],
    ['nothing', connect([]), undefined],
  ])('%s', (_, rule, expected) => expect(whyMayConnect(alice, rule)).toBe(expected));

  it('does not take the address of a machine', () => {
    const machine = { ...alice, kind: 'machine' as const };
    expect(whyMayConnect(machine, connect([], [[undefined, 'alice@example.com']]))).toBeUndefined();
  });
});
