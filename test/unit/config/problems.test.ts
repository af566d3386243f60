import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/gateway/config/config.ts';
import { formatProblems } from '../../../src/gateway/config/problems.ts';
import { completed, linesOf, problemsOf } from './samples.ts';

describe('problems', () => {
  it('are all reported in one run, in the order of the file, with places and hints', () => {
    const text = `listen: 8443
public_urll: https://gw.example.com
tls: { cert: a, key: b, passphrase: hunter2 }
data:
identity_providers:
  - name: Corp
    issuer: http://id.example.com
    audience: gw
    kind: humen
session_grants: { ttl: 13h }
session_grants: { ttl: 1 hour }
targets:
  Prod:
    host: db.internal:5432
    port: "5432"
    database: d
    password: { env: X }
    login: { user: u, password: hunter2 }
    connect: {}
`;
    const { problems } = parseConfig(text, 'gw.yaml');
    expect(formatProblems(problems!, 'gw.yaml')).toMatchInlineSnapshot(`
      "gw.yaml:1:1: "public_url" is missing
      gw.yaml:1:9: listen: must be text, not a number
          Write it in quotes.
      gw.yaml:2:1: public_urll: is not a setting
          Did you mean "public_url"?
      gw.yaml:3:25: tls.passphrase: is not a setting
          Known here: cert, key.
      gw.yaml:4:1: data: is empty
      gw.yaml:6:11: identity_providers[0].name: is not a name
          Use 1 to 63 lower-case letters, digits, ".", "_" and "-", beginning and ending with a letter or digit.
      gw.yaml:7:13: identity_providers[0].issuer: must begin with https://
          http:// is accepted for loopback addresses only.
      gw.yaml:8:15: identity_providers[0].audience: must be a list, not text
          Write it as a list: [value].
      gw.yaml:9:11: identity_providers[0].kind: must be one of: human, machine
          Did you mean "human"?
      gw.yaml:11:1: this key stands here twice
          Keep one of the two; the other would be ignored.
      gw.yaml:11:24: session_grants.ttl: is not a duration
          Write it as 90s, 30m or 1h30m.
      gw.yaml:13:3: targets.Prod: is not a name
          Use 1 to 63 lower-case letters, digits, ".", "_" and "-", beginning and ending with a letter or digit.
      gw.yaml:14:11: targets.Prod.host: is not a host name or address
          Write the host only; the port stands beside it as "port".
      gw.yaml:15:11: targets.Prod.port: must be a number, not text
          Write it without quotes.
      gw.yaml:17:5: targets.Prod.password: is not a setting
          It belongs under "login".
      gw.yaml:18:33: targets.Prod.login.password: must say where the secret is, not what it is
          Write { env: NAME }, { file: /path/to/secret } or { command: [program, argument], ttl: 5m }.
      gw.yaml:19:5: targets.Prod.connect: names nobody, so nobody could connect
          Add "groups" or "identities"."
    `);
  });

  it('never hold a value that may be a secret', () => {
    const text = `
control_database: { url: "postgres://gw:hunter2@db/x", hunter: hunter2 }
targets:
  db: { host: x, database: d, login: { user: u, password: hunter2 }, connect: { groups: hunter2 }, port: hunter2 }
`;
    expect(formatProblems(problemsOf(text), 'gw.yaml')).not.toContain('hunter2');
  });

  it.each([
    ['publicUrl: x', 'Did you mean "public_url"?'],
    ['public-url: x', 'Did you mean "public_url"?'],
    ['identity_provider: []', 'Did you mean "identity_providers"?'],
    ['contol_database: x', 'Did you mean "control_database"?'],
    ['ttl: 1h', 'It belongs under "session_grants".'],
    ['xyzzy: 1', expect.stringMatching(/^Known here: admin, audit,/)],
  ])('suggest what was meant by %s', (text, hint) => {
    const [first] = problemsOf(text);
    expect(first).toMatchObject({ line: 1, column: 1, message: 'is not a setting', hint });
  });

  it('point at the right place in flow style, in aliases and at missing settings', () => {
    expect(linesOf('drain: 5m\nlimits: {sessions: 5, sessions_per_identity: 6}')).toEqual([
      '2:46 limits.sessions_per_identity would do nothing: "sessions" stops at 5 already',
    ]);
    expect(
      linesOf(`targets:
  a: { host: a, database: a, login: &l { user: 5 }, connect: { groups: [x] } }
  b: { host: b, database: b, login: *l, connect: { groups: [x] } }`),
    ).toEqual(['2:48 targets.a.login.user must be text, not a number']);
    expect(linesOf('targets:\n  db: { host: a, database: b, connect: { groups: [g] } }')).toEqual([
      '2:3 targets.db "login" is missing',
    ]);
  });

  it('of a broken structure are all there is to say', () => {
    expect(linesOf('a: [1, 2\nb: {')).toEqual(
      expect.arrayContaining([expect.stringMatching(/not valid YAML/)]),
    );
    expect(linesOf('listen:\n\t- x')[0]).toContain('not valid YAML: tabs are not allowed');
    expect(problemsOf('drain: *nothing')[0]?.message).toContain('an alias has no anchor');
    expect(problemsOf('drain: !!binary aGk=')[0]?.message).toContain('tags');
    expect(parseConfig('', 'x').problems).toEqual([
      expect.objectContaining({ message: 'the file is empty' }),
    ]);
    expect(parseConfig('just text', 'x').problems?.[0]?.message).toBe(
      'must be a group of settings, not text',
    );
    expect(parseConfig('- a', 'x').problems?.[0]?.message).toBe('must be a group of settings, not a list');
    expect(parseConfig(`${completed('')}\n---\na: 1`, 'x').problems?.[0]?.message).toContain('more than one');
  });
});

describe('a hostile file', () => {
  const laughs = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i++)
    laughs.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  it.each<[string, string, RegExp]>([
    ['that grows by aliases', laughs.join('\n'), /repeat too much/],
    ['that contains itself', 'targets: &a { b: *a }', /contains itself/],
    ['that contains itself many times', 'targets: &a [*a, *a, *a, *a, *a, *a, *a, *a]', /contains itself/],
    ['nested too deeply', `targets: ${'['.repeat(50_000)}`, /too deeply|not valid/],
    ['that is too large', `# ${'x'.repeat(1024 * 1024)}`, /larger than/],
    ['with a key that is skipped by code', 'targets: { __proto__: { host: x } }', /__proto__/],
    ['with such a key among claims', 'x: { claims: { __proto__: a, sub: b } }', /__proto__/],
    ['with keys that are no text', '? [a]\n: 1', /not valid YAML/],
    ['of an older YAML', '%YAML 1.1\n---\ndrain: yes', /not a duration/],
  ])('%s is refused', (_, text, message) => {
    const messages = problemsOf(text).map((problem) => problem.message);
    expect(messages).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
    expect(messages.length).toBeLessThanOrEqual(100);
  });

  it('of any kind gives problems with a place, and never throws', () => {
    const good = completed('');
    const cut = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 8 }));
    const edited = fc
      .array(cut, { minLength: 1, maxLength: 4 })
      .map((cuts) =>
        cuts.reduce((text, [at, length, put]) => text.slice(0, at) + put + text.slice(at + length), good),
      );
    fc.assert(
      fc.property(fc.oneof(fc.string(), edited), (text) => {
        const result = parseConfig(text, 'x');
        if (result.config !== undefined) return;
        expect(result.problems.length).toBeGreaterThan(0);
        const lines = text.split(/\r\n|\r|\n/).length + 1;
        for (const problem of result.problems) {
          expect(problem.line).toBeGreaterThan(0);
          expect(problem.line).toBeLessThanOrEqual(lines);
          expect(problem.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
