import { z } from 'zod';
import {
  duration,
  host,
  hostPort,
  httpsUrl,
  NAME,
  name,
  path,
  say,
  secretSource,
  storedSecret,
  text,
} from './schema-parts.ts';

/**
 * What may stand in the file. Objects are strict: a key that is not here is refused. Conditions between
 * settings are in rules.ts, so that they are checked even when something else in the file is wrong.
 * A new section of the file is a new line in `FileSchema` here and one in resolve.ts.
 */

const groupList = () => z.array(text()).min(1, say('is empty')).max(1000);

const claimPath = () =>
  z
    .union([text(), z.array(text()).min(1).max(8)], {
      error: say('is not a claim', 'Write its name, a path as realm_access.roles, or the path as a list.'),
    })
    .describe('Name of a claim; a path through nested objects is written with dots or as a list.');

const matchRule = z.strictObject({
  claims: z
    .record(
      text(),
      z.union([text(1024), z.strictObject({ glob: text(512) })], {
        error: say('must be text or { glob: pattern }', 'Write numbers, true and false in quotes.'),
      }),
    )
    .refine((claims) => Object.keys(claims).length > 0, {
      error: say('is empty: it would match any token of this provider', 'Name at least one claim.'),
    })
    .describe('All of them must match. Text is compared exactly; { glob: refs/heads/* } is a pattern.'),
  groups: groupList().describe('The groups of an identity whose token matches.'),
});

const introspection = z.strictObject({
  client_id: text(),
  client_secret: storedSecret(),
  endpoint: httpsUrl().optional().describe('RFC 7662 endpoint; by default what discovery says.'),
});

const signIn = z.strictObject({
  client_id: text().describe('The public client that gw login uses.'),
  scopes: z.array(text()).min(1, say('is empty')).max(50).optional(),
  resource: text(2048).optional().describe('RFC 8707 resource indicator, where the provider needs one.'),
  audience: text().optional().describe('The audience parameter of Auth0 and others.'),
  token: z.enum(['access', 'id']).optional(),
});

export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const identityProvider = z.strictObject({
  name: name(),
  issuer: httpsUrl().describe('Exactly as in the iss claim of its tokens.'),
  audience: z
    .array(text())
    .min(1, say('is empty', 'A token made for another service must not open this gateway.'))
    .max(20)
    .describe('At least one of them must be in the aud claim.'),
  kind: z.enum(['human', 'machine']),
  token: z
    .enum(['jwt', 'id', 'introspection'])
    .optional()
    .describe('jwt: access tokens (default). id: ID tokens. introspection: opaque tokens, RFC 7662.'),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1, say('is empty')).optional(),
  clock_skew: duration().optional().describe('How far clocks may differ. Default 30s, at most 5m.'),
  groups_claim: claimPath().optional(),
  name_claim: claimPath().optional(),
  match: z.array(matchRule).min(1, say('is empty')).max(1000).optional(),
  jwks_uri: httpsUrl().optional().describe('Where the signing keys are; by default what discovery says.'),
  discovery_token: storedSecret().optional().describe('Bearer token for discovery and keys (Kubernetes).'),
  ca: path().optional().describe('PEM file: trust these certificate authorities instead of the system.'),
  introspection: introspection.optional(),
  sign_in: signIn.optional(),
});

const targetTls = z.strictObject({
  mode: z.enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']).optional(),
  ca: path().optional(),
  cert: path().optional(),
  key: path().optional(),
});

const databaseName = () => text(63);

const target = z.strictObject({
  description: text(500).optional(),
  host: host(),
  port: z.int().min(1).max(65_535).optional(),
  database: databaseName().describe('The database a client gets that does not ask for another.'),
  databases: z.array(databaseName()).min(1, say('is empty')).max(1000).optional(),
  login: z.strictObject({
    user: text(63).describe('The PostgreSQL role the gateway logs in as.'),
    password: secretSource().optional(),
  }),
  tls: targetTls.optional().describe('Default: verify-full with the certificate authorities of the system.'),
  connect: z
    .strictObject({
      groups: groupList().optional(),
      identities: z.array(text(1024)).min(1).max(1000).optional(),
    })
    .describe('Who may connect: members of a group, or single identities.'),
});

export const FileSchema = z.strictObject({
  listen: hostPort().describe('Address of the TLS port, e.g. 0.0.0.0:8443.'),
  public_url: httpsUrl().describe('Where clients reach the gateway, e.g. https://gw.example.com:8443.'),
  tls: z
    .strictObject({ cert: path(), key: path() })
    .describe('Certificate chain and key of the gateway, PEM.'),
  admin: z.strictObject({ listen: hostPort() }).optional().describe('Plain HTTP: /healthz /readyz /metrics.'),
  data: path().describe('Folder of the journal and of the embedded control database.'),
  control_database: z.strictObject({ url: secretSource() }).optional(),
  identity_providers: z.array(identityProvider).min(1, say('is empty: nobody could sign in')).max(100),
  session_grants: z
    .strictObject({ ttl: duration().optional(), session_limit: duration().optional() })
    .optional(),
  audit: z.strictObject({ durability: z.enum(['disk', 'kernel']).optional() }).optional(),
  limits: z
    .strictObject({
      sessions: z.int().min(1).max(1_000_000).optional(),
      sessions_per_identity: z.int().min(1).max(1_000_000).optional(),
    })
    .optional(),
  drain: duration().optional().describe('How long running sessions get at shutdown. Default 30s.'),
  targets: z
    .record(z.string(), target)
    .refine((targets) => Object.keys(targets).length > 0, { error: say('is empty') })
    // The names are checked by a rule: a bad one here would hide what is wrong inside the target.
    .meta({ propertyNames: { type: 'string', pattern: NAME.source } }),
});

/** The file as written, after it passed the schema. */
export type FileConfig = z.infer<typeof FileSchema>;
export type FileProvider = FileConfig['identity_providers'][number];
export type FileTarget = FileConfig['targets'][string];
export type FileSecret = z.infer<ReturnType<typeof secretSource>>;
export type FileStoredSecret = z.infer<ReturnType<typeof storedSecret>>;
