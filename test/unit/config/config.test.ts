import { describe, expect, it } from 'vitest';
import { configOf } from './samples.ts';

describe('a configuration', () => {
  it('has defaults for what it need not say', () => {
    expect(configOf('')).toEqual({
      path: '/etc/gw/gw.yaml',
      listen: { host: '0.0.0.0', port: 8443 },
      publicUrl: 'https://gw.example.com:8443',
      tls: { cert: '/etc/gw/tls.crt', key: '/etc/gw/tls.key' },
      admin: undefined,
      data: '/etc/gw/data',
      controlDatabase: undefined,
      identityProviders: [
        {
          name: 'corp',
          issuer: 'https://id.example.com',
          audience: ['gw'],
          kind: 'human',
          token: 'jwt',
          algorithms: ['RS256', 'ES256'],
          clockSkewMs: 30_000,
          groupsClaim: 'groups',
          nameClaim: undefined,
          match: [],
          jwksUri: undefined,
          discoveryToken: undefined,
          ca: undefined,
          introspection: undefined,
          signIn: undefined,
        },
      ],
      sessionGrants: { ttlMs: 3_600_000, sessionLimitMs: 43_200_000 },
      audit: { durability: 'disk' },
      limits: { sessions: 5_000, sessionsPerIdentity: 100 },
      drainMs: 30_000,
      targets: new Map([
        [
          'prod-db',
          {
            name: 'prod-db',
            description: undefined,
            host: 'db.internal',
            port: 5432,
            database: 'shop',
            databases: ['shop'],
            login: { user: 'gw' },
            tls: { mode: 'verify-full' },
            connect: { groups: ['engineers'], identities: [] },
          },
        ],
      ]),
    });
  });

  it('takes what it says', () => {
    const config = configOf(`
listen: "[::1]:0"
public_url: https://gw.example.com/
admin: { listen: localhost:9090 }
data: ../lib/gw
control_database: { url: { command: [vault, read], ttl: 1m } }
session_grants: { ttl: 90s, session_limit: 1h30m }
audit: { durability: kernel }
limits: { sessions: 7 }
drain: 0s
identity_providers:
  - name: corp
    issuer: http://127.0.0.1:9999
    audience: [gw]
    kind: human
    groups_claim: [realm_access, roles]
    sign_in: { client_id: gw-cli, resource: "urn:gw" }
  - name: robots
    issuer: https://id.example.com
    audience: [gw]
    kind: machine
    token: introspection
    introspection: { client_id: gw, client_secret: { file: secret } }
    match:
      - { claims: { sub: a, ref: { glob: x-* } }, groups: [ci] }
targets:
  b:
    host: 10.0.0.1
    port: 6432
    database: one
    databases: [two, one]
    login: { user: gw, password: { env: PW } }
    tls: { mode: verify-ca, ca: ca.pem, cert: /c.pem, key: k.pem }
    connect: { identities: [alice@example.com, "robots/a/b"] }
  a: { host: "::1", database: x, login: { user: y }, connect: { groups: [z] } }
`);
    expect(config).toMatchObject({
      listen: { host: '::1', port: 0 },
      publicUrl: 'https://gw.example.com',
      admin: { listen: { host: 'localhost', port: 9090 } },
      data: '/etc/lib/gw',
      controlDatabase: { url: { kind: 'command', argv: ['vault', 'read'], ttlMs: 60_000 } },
      sessionGrants: { ttlMs: 90_000, sessionLimitMs: 5_400_000 },
      audit: { durability: 'kernel' },
      limits: { sessions: 7, sessionsPerIdentity: 7 },
      drainMs: 0,
    });
    expect(config.identityProviders).toMatchObject([
      {
        groupsClaim: ['realm_access', 'roles'],
        signIn: {
          clientId: 'gw-cli',
          scopes: ['openid', 'profile', 'email', 'offline_access'],
          resource: 'urn:gw',
          audience: undefined,
          token: 'access',
        },
      },
      {
        groupsClaim: undefined,
        introspection: { clientId: 'gw', clientSecret: { kind: 'file', path: '/etc/gw/secret' } },
        match: [{ claims: { sub: 'a', ref: { glob: 'x-*' } }, groups: ['ci'] }],
      },
    ]);
    expect([...config.targets.keys()]).toEqual(['b', 'a']);
    expect(config.targets.get('b')).toMatchObject({
      port: 6432,
      databases: ['one', 'two'],
      login: { user: 'gw', password: { kind: 'env', name: 'PW' } },
      tls: { mode: 'verify-ca', ca: '/etc/gw/ca.pem', cert: '/c.pem', key: '/etc/gw/k.pem' },
      connect: {
        identities: [
          { provider: undefined, name: 'alice@example.com' },
          { provider: 'robots', name: 'a/b' },
        ],
      },
    });
  });

  it('may repeat parts by aliases', () => {
    const config = configOf(`
targets:
  a: { host: a, database: a, login: &login { user: gw }, connect: &who { groups: [x] } }
  b: { host: b, database: b, login: *login, connect: *who }
`);
    expect(config.targets.get('b')).toMatchObject({ login: { user: 'gw' }, connect: { groups: ['x'] } });
  });
});
