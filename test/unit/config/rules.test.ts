import { describe, expect, it } from 'vitest';
import { configOf, linesOf, problemsOf, provider, target } from './samples.ts';

/** Each: a file, and what it is told (without the place). An empty list: it is fine. */
type Case = [text: string, ...messages: (string | RegExp)[]];

function check(cases: readonly Case[]): void {
  it.each(cases)('%s', (text, ...messages) => {
    const found = problemsOf(text).map(({ path, message }) => `${path}: ${message}`);
    expect(found).toEqual(messages.map((message) => expect.stringMatching(message)));
  });
}

describe('the gateway', () => {
  check([
    ['listen: localhost:0'],
    ['listen: "[::]:8443"'],
    ['listen: ":8443"', /listen: is not an address/],
    ['listen: 0.0.0.0:65536', /listen: is not an address/],
    ['listen: "::1:8443"', /listen: is not an address/],
    ['listen: "[nonsense]:1"', /listen: is not an address/],
    ['public_url: http://gw.example.com', /public_url: must begin with https/],
    ['public_url: http://localhost:1', /public_url: must begin with https/],
    ['public_url: https://gw.example.com/path', /must not have a path/],
    ['public_url: https://gw.example.com/?x', /must not have a path/],
    ['public_url: https://user:pw@gw.example.com', /must begin with https/],
    ['admin: { listen: 0.0.0.0:8443 }', /is the same address/],
    ['admin: {}', /admin: "listen" is missing/],
    ['drain: 2h', /at most 1h/],
    ['drain: 30', /must be text, not a number/],
    ['drain: thirty', /is not a duration/],
    ['limits: { sessions_per_identity: 5001 }', /would do nothing/],
    ['limits: { sessions: 0 }', /must be at least 1/],
    ['limits: { sessions: 1.5 }', /must be a whole number/],
    ['audit: { durability: fast }', /must be one of: disk, kernel/],
    ['session_grants: { ttl: 2h, session_limit: 1h }', /session_limit \(1h\) is shorter than ttl \(2h\)/],
    ['session_grants: { ttl: 13h }', /ttl: session_limit \(12h\) is shorter/],
    ['session_grants: { session_limit: 30m }', /session_limit: session_limit \(30m\) is shorter/],
    ['session_grants: { ttl: 1h, session_limit: 1h }'],
    ['session_grants: { ttl: 0s }', /at least 1s/],
    ['session_grants: { session_limit: 8d }', /at most 7d/],
    ['control_database: { url: postgres://x }', /must say where the secret is/],
    ['control_database: { url: { env: "a b" } }', /not the name of an environment variable/],
    ['control_database: { url: { env: A, file: b } }', /must name one place/],
    ['identity_providers: []', /nobody could sign in/],
    ['targets: {}', /targets: is empty/],
  ]);
});

describe('an identity provider', () => {
  const introspection = 'introspection: { client_id: a, client_secret: { env: X } }';
  const shared = (rule: string) =>
    provider(`    issuer: https://token.actions.githubusercontent.com
    kind: machine
    match: [{ claims: ${rule}, groups: [ci] }]`);
  check([
    [provider('    issuer: http://localhost:9')],
    [provider('    issuer: http://[::1]:9')],
    [provider('    issuer: http://localhost.evil.example'), /must begin with https/],
    [provider('    issuer: http://127.0.0.1.evil.example'), /must begin with https/],
    [provider('    issuer: https://id.example.com?x=1'), /no query/],
    [provider('    issuer: http://localhost:9\n    ca: x'), /ca: would do nothing/],
    [provider('    audience: []'), /audience: is empty/],
    [provider('    algorithms: [HS256]'), /must be one of: RS256/],
    [provider('    algorithms: [none]'), /must be one of: RS256/],
    [provider('    clock_skew: 6m'), /at most 5m/],
    [provider('    clock_skew: 0s')],
    [provider(`    ${introspection}`), /introspection: would do nothing: token is jwt/],
    [provider(`    token: id\n    ${introspection}`), /introspection: would do nothing: token is id/],
    [provider(`    token: introspection\n    ${introspection}`)],
    [provider('    token: introspection'), /introspection needs the settings/],
    [
      provider(`    token: introspection\n    ${introspection}\n    algorithms: [RS256]`),
      /algorithms: would do nothing/,
    ],
    [
      provider(
        '    token: introspection\n    introspection: { client_id: a, client_secret: { command: [x] } }',
      ),
      /client_secret: must name one place/,
    ],
    [
      provider(
        '    token: introspection\n    discovery_token: { env: X }\n    introspection: { client_id: a, client_secret: { env: X }, endpoint: "https://x/y" }',
      ),
      /discovery_token: would do nothing/,
    ],
    [provider('    kind: machine'), /needs "match"/],
    [provider('    kind: machine\n    match: []'), /match: is empty/],
    [provider('    kind: machine\n    match: [{ claims: {}, groups: [a] }]'), /claims: is empty/],
    [provider('    kind: machine\n    match: [{ claims: { sub: a }, groups: [] }]'), /groups: is empty/],
    [provider('    kind: machine\n    match: [{ claims: { sub: true }, groups: [a] }]'), /must be text or/],
    [provider('    kind: machine\n    match: [{ claims: { sub: { glob: a } }, groups: [a] }]'), /without \*/],
    [
      provider('    kind: machine\n    match: [{ claims: { sub: { glob: "**" } }, groups: [a] }]'),
      /would match any/,
    ],
    [
      provider(
        '    kind: machine\n    match: [{ claims: { sub: a }, groups: [a] }]\n    sign_in: { client_id: a }',
      ),
      /sign_in: would do nothing/,
    ],
    [shared('{ repository: acme/shop }')],
    [shared('{ repository: { glob: acme/* } }')],
    [shared('{ sub: { glob: "repo:acme/**" } }')],
    [shared('{ repository: { glob: "acme*" } }'), /jobs of strangers/],
    [shared('{ repository: { glob: "*/shop" } }'), /jobs of strangers/],
    [shared('{ repository_owner: { glob: "acme*" } }'), /jobs of strangers/],
    [shared('{ ref: refs/heads/main }'), /jobs of strangers/],
    [provider('    sign_in: { client_id: a, token: id }'), /tokens would be refused/],
    [
      provider('    token: id\n    audience: [a]\n    sign_in: { client_id: a, token: access }'),
      /would be refused/,
    ],
    [
      provider('    token: id\n    audience: [a]\n    sign_in: { client_id: a, resource: x }'),
      /resource: would do nothing/,
    ],
    [
      provider('    token: id\n    audience: [a]\n    sign_in: { client_id: a, scopes: [email] }'),
      /must hold openid/,
    ],
    [provider('    token: id\n    sign_in: { client_id: a }'), /audience: must list the client_id/],
    [
      `${provider('')}\n  - { name: corp, issuer: "https://b.example", audience: [gw], kind: human }`,
      /name: another identity provider/,
    ],
    [
      `${provider('')}\n  - { name: b, issuer: "https://id.example.com", audience: [gw], kind: human }`,
      /issuer: would never be used: "corp"/,
    ],
    [`${provider('')}\n  - { name: b, issuer: "https://id.example.com", audience: [gw, x], kind: human }`],
  ]);
});

describe('a target', () => {
  check([
    [target('    tls: { mode: disable }')],
    [target('    tls: { ca: x }')],
    [target('    tls: { mode: disable, ca: x }'), /tls.ca: would do nothing: mode disable/],
    [target('    tls: { mode: prefer, ca: x }'), /tls.ca: would do nothing: mode prefer/],
    [target('    tls: { mode: require, ca: x }'), /tls.ca: would do nothing: mode require/],
    [target('    tls: { mode: verify-ca }'), /verify-ca needs "ca"/],
    [target('    tls: { mode: verify-ful, ca: x }'), /tls.mode: must be one of/],
    [target('    tls: { cert: x }'), /tls.cert: needs "key"/],
    [target('    tls: { key: x }'), /tls.key: needs "cert"/],
    [
      target('    tls: { mode: disable, cert: x, key: y }'),
      /cert: would do nothing/,
      /key: would do nothing/,
    ],
    [target('    databases: [shop]'), /databases: would do nothing/],
    [target('    databases: [a, a]'), /databases\[1\]: stands here twice/],
    [target('    databases: [shop, b]')],
    [target('    port: 65536'), /port: must be at most 65535/],
    [target('    description: "a\\nb"'), /control character/],
    [target('    login: { user: gw, password: { command: [] } }'), /command: is empty/],
    [target('    login: { user: gw, password: { comand: [x] } }'), /must name one place/],
    [target('    login: { user: gw, password: {} }'), /must name one place/],
    [target('    login: { user: gw, password: { command: [x], ttl: 0s } }'), /ttl: must be at least 1s/],
    [`targets:\n  ${'a'.repeat(63)}: { host: x, database: d, login: { user: u }, connect: { groups: [g] } }`],
    [
      `targets:\n  ${'a'.repeat(64)}: { host: x, database: d, login: { user: u }, connect: { groups: [g] } }`,
      /is not a name/,
    ],
    [
      'targets:\n  a-: { host: "a:5", database: d, login: { user: u }, connect: {} }',
      /not a name/,
      /not a host/,
      /nobody/,
    ],
  ]);

  it('is checked whole even when its name is wrong', () => {
    expect(
      linesOf('targets:\n  BAD: { host: x, database: d, login: { user: 5 }, connect: { groups: [g] } }'),
    ).toEqual([
      expect.stringMatching(/^2:3 targets.BAD is not a name/),
      expect.stringMatching(/^2:47 targets.BAD.login.user must be text/),
    ]);
  });
});

describe('identities that may connect', () => {
  const who = (name: string) =>
    `targets: { db: { host: x, database: d, login: { user: u }, connect: { identities: [${name}] } } }`;
  const two = `${provider('')}\n  - { name: partners, issuer: "https://p.example", audience: [gw], kind: human }\n`;
  check([
    [who('alice@example.com')],
    [who('corp/alice@example.com')],
    [who('corp/u/1')],
    [who('alice'), /is not an e-mail address/],
    [who('corb/alice'), /no identity provider "corb"/],
    [two + who('alice@example.com'), /does not say whose address it is: there are 2/],
    [two + who('partners/alice@example.com')],
  ]);

  it('are suggested', () => {
    expect(problemsOf(who('corb/alice'))[0]?.hint).toBe('Did you mean "corp/alice"?');
    expect(configOf(who('corp/alice')).targets.get('db')?.connect.identities).toEqual([
      { provider: 'corp', name: 'alice' },
    ]);
  });
});
