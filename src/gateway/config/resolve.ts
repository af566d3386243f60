import { resolve as resolvePath } from 'node:path';
import { parseDuration } from '../../core/units.ts';
import { DEFAULTS } from './defaults.ts';
import type { FileConfig, FileProvider, FileSecret, FileStoredSecret, FileTarget } from './file-schema.ts';
import { readNamedIdentity } from './named-identity.ts';
import { parseHostPort } from './schema-parts.ts';
import type {
  Config,
  EnvSource,
  FileSource,
  IdentityProviderConfig,
  MatchRule,
  SecretSource,
  SignInConfig,
  TargetConfig,
} from './types.ts';

type Resolver = (path: string) => string;

/**
 * A checked file → what the gateway uses: defaults, milliseconds, absolute paths.
 * @param path absolute path of the file
 */
export function resolveConfig(file: FileConfig, path: string): Config {
  const absolute: Resolver = (relative) => resolvePath(path, '..', relative);
  const grants = file.session_grants;
  return {
    path,
    listen: parseHostPort(file.listen)!,
    publicUrl: new URL(file.public_url).origin,
    tls: { cert: absolute(file.tls.cert), key: absolute(file.tls.key) },
    admin: file.admin && { listen: parseHostPort(file.admin.listen)! },
    data: absolute(file.data),
    controlDatabase: file.control_database && { url: secret(file.control_database.url, absolute) },
    identityProviders: file.identity_providers.map((provider) => identityProvider(provider, absolute)),
    sessionGrants: {
      ttlMs: duration(grants?.ttl, DEFAULTS.ttlMs),
      sessionLimitMs: duration(grants?.session_limit, DEFAULTS.sessionLimitMs),
    },
    audit: { durability: file.audit?.durability ?? DEFAULTS.durability },
    limits: {
      sessions: file.limits?.sessions ?? DEFAULTS.sessions,
      sessionsPerIdentity:
        file.limits?.sessions_per_identity ??
        Math.min(DEFAULTS.sessionsPerIdentity, file.limits?.sessions ?? DEFAULTS.sessions),
    },
    drainMs: duration(file.drain, DEFAULTS.drainMs),
    targets: new Map(Object.entries(file.targets).map(([name, it]) => [name, target(name, it, absolute)])),
  };
}

const duration = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : parseDuration(text);

function secret(source: FileSecret, absolute: Resolver): SecretSource {
  if (!('command' in source)) return stored(source, absolute);
  return { kind: 'command', argv: source.command, ttlMs: duration(source.ttl, DEFAULTS.commandTtlMs) };
}

function stored(source: FileStoredSecret, absolute: Resolver): EnvSource | FileSource {
  if ('env' in source) return { kind: 'env', name: source.env };
  return { kind: 'file', path: absolute(source.file) };
}

function identityProvider(file: FileProvider, absolute: Resolver): IdentityProviderConfig {
  const { introspection } = file;
  return {
    name: file.name,
    issuer: file.issuer,
    audience: file.audience,
    kind: file.kind,
    token: file.token ?? DEFAULTS.token,
    algorithms: file.algorithms ?? DEFAULTS.algorithms,
    clockSkewMs: duration(file.clock_skew, DEFAULTS.clockSkewMs),
    groupsClaim: file.groups_claim ?? (file.kind === 'human' ? DEFAULTS.groupsClaim : undefined),
    nameClaim: file.name_claim,
    match: (file.match ?? []) as MatchRule[],
    jwksUri: file.jwks_uri,
    discoveryToken: file.discovery_token && stored(file.discovery_token, absolute),
    ca: file.ca && absolute(file.ca),
    introspection: introspection && {
      clientId: introspection.client_id,
      clientSecret: stored(introspection.client_secret, absolute),
      endpoint: introspection.endpoint,
    },
    signIn: signIn(file),
  };
}

function signIn(file: FileProvider): SignInConfig | undefined {
  const settings = file.sign_in;
  if (settings === undefined) return undefined;
  return {
    clientId: settings.client_id,
    scopes: settings.scopes ?? DEFAULTS.scopes,
    resource: settings.resource,
    audience: settings.audience,
    token: file.token === 'id' ? 'id' : 'access',
  };
}

function target(name: string, file: FileTarget, absolute: Resolver): TargetConfig {
  const { tls = {}, login, connect } = file;
  const path = (key: 'ca' | 'cert' | 'key') => (tls[key] === undefined ? {} : { [key]: absolute(tls[key]) });
  return {
    name,
    description: file.description,
    host: file.host,
    port: file.port ?? DEFAULTS.port,
    database: file.database,
    databases: [...new Set([file.database, ...(file.databases ?? [])])],
    login: {
      user: login.user,
      ...(login.password === undefined ? {} : { password: secret(login.password, absolute) }),
    },
    tls: { mode: tls.mode ?? DEFAULTS.tlsMode, ...path('ca'), ...path('cert'), ...path('key') },
    connect: {
      groups: connect.groups ?? [],
      identities: (connect.identities ?? []).map(readNamedIdentity),
    },
  };
}
