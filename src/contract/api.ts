import { z } from 'zod';

/**
 * What the CLI and the gateway agree on over HTTPS. Bodies are JSON, names are snake_case, times are
 * RFC 3339 in UTC. Both sides validate with these schemas; unknown fields of an answer are ignored, so that
 * a newer gateway can add some, and unknown fields of a request are refused, so that none is ignored silently.
 */

/** The API version this build speaks; sent as `gw-api-version` and listed by the discovery document. */
export const API_VERSION = 1;
export const API_VERSION_HEADER = 'gw-api-version';

export const ROUTES = {
  discovery: '/.well-known/gw',
  whoami: '/v1/whoami',
  targets: '/v1/targets',
  sessionGrants: '/v1/session-grants',
  status: '/v1/status',
  live: '/healthz',
  ready: '/readyz',
} as const;

const time = z.iso.datetime();

/** How the CLI signs in with one identity provider, as published by the gateway. No secret is in here. */
export const SignInSchema = z.object({
  name: z.string(),
  issuer: z.url(),
  client_id: z.string(),
  scopes: z.array(z.string()),
  /** RFC 8707 resource indicator, where the provider needs one to issue a token for the gateway. */
  resource: z.string().optional(),
  /** Auth0-style audience parameter. */
  audience: z.string().optional(),
  /** Which token the CLI presents. */
  token: z.enum(['access', 'id']),
});
export type SignIn = z.infer<typeof SignInSchema>;

export const DiscoverySchema = z.object({
  gateway: z.string(),
  version: z.string(),
  api_versions: z.array(z.number().int()),
  time,
  /** Empty when only machines can sign in. The first is the default. */
  sign_in: z.array(SignInSchema),
  /** The audience a CI job asks its platform's token for. */
  machine_audience: z.string(),
});
export type Discovery = z.infer<typeof DiscoverySchema>;

export const WhoamiSchema = z.object({
  subject: z.string(),
  issuer: z.string(),
  provider: z.string(),
  kind: z.enum(['human', 'machine']),
  name: z.string(),
  email: z.string().optional(),
  groups: z.array(z.string()),
  token_expires_at: time,
});
export type Whoami = z.infer<typeof WhoamiSchema>;

export const TargetSchema = z.object({
  name: z.string(),
  description: z.string().optional(),
  /** The default database, and all that may be asked for. */
  database: z.string(),
  databases: z.array(z.string()),
  /** Why this identity reaches it, e.g. `group engineers`. */
  because: z.string(),
});
export type Target = z.infer<typeof TargetSchema>;
export const TargetsSchema = z.object({ targets: z.array(TargetSchema) });

export const SessionGrantRequestSchema = z.object({ target: z.string().min(1).max(63) });

export const SessionGrantSchema = z.object({
  id: z.string(),
  /** The credential: bearer token of a tunnel stream, or password of a native connection. */
  token: z.string(),
  target: z.string(),
  database: z.string(),
  /** The name to give as PostgreSQL user; the gateway does not rely on it. */
  user: z.string(),
  issued_at: time,
  /** New sessions can be opened until then; ask for another session grant before. */
  expires_at: time,
  /** Sessions opened under this grant are closed then, whatever happens. */
  ends_at: time,
});
export type SessionGrant = z.infer<typeof SessionGrantSchema>;

export const StatusSchema = z.object({
  gateway: z.string(),
  version: z.string(),
  time,
  uptime_ms: z.number(),
  /** Sessions of the caller at this gateway. */
  sessions: z.array(
    z.object({
      id: z.string(),
      target: z.string(),
      database: z.string(),
      started_at: time,
      ends_at: time,
      client: z.string(),
    }),
  ),
});
export type Status = z.infer<typeof StatusSchema>;

/** Body of every answer that is not 2xx, also on a refused tunnel stream. `code` is one of core/errors. */
export const ErrorBodySchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    detail: z.string().optional(),
    hint: z.string().optional(),
  }),
});
export type ErrorBody = z.infer<typeof ErrorBodySchema>;
