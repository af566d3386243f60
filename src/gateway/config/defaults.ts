/** What holds where the file says nothing. Times in milliseconds. */
export const DEFAULTS = {
  ttlMs: 3_600_000,
  sessionLimitMs: 12 * 3_600_000,
  durability: 'disk',
  sessions: 5_000,
  sessionsPerIdentity: 100,
  drainMs: 30_000,
  port: 5_432,
  /** The only mode in which nobody can stand between gateway and database. */
  tlsMode: 'verify-full',
  commandTtlMs: 300_000,
  token: 'jwt',
  /** What identity providers sign with unless told otherwise. */
  algorithms: ['RS256', 'ES256'],
  clockSkewMs: 30_000,
  groupsClaim: 'groups',
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  /** Used when the file names no control database; set in the gateway's environment. */
  databaseUrlEnv: 'GW_DATABASE_URL',
} as const;
