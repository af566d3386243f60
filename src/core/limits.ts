/** Every limit that is not a setting, with the reason for its number. Sizes in bytes, times in milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
  /** PostgreSQL's own MAX_STARTUP_PACKET_LENGTH (src/include/libpq/pqcomm.h). */
  startupPacketBytes: 10_000,
  /** PostgreSQL's own limit for authentication messages is 65535 (PG_MAX_AUTH_TOKEN_LENGTH). */
  authMessageBytes: 65_535,
  /** Statement text is held whole to be understood; larger data belongs in parameters or COPY, which stream. */
  statementBytes: 64 * MiB,
  /** The prefix of a Bind that names portal and statement: two names of at most this many bytes. */
  identifierBytes: 8 * KiB,
  /** A message no larger than PostgreSQL's own PQ_LARGE_MESSAGE_LIMIT (1 GB - 1). */
  messageBytes: 0x3fff_ffff,
  /** Messages sent ahead of their answers in one session; libpq pipelines of 10,000s exist, 1M does not. */
  pendingOperations: 262_144,
  /** Prepared statements and portals a session may keep; ORMs cache hundreds. */
  preparedStatements: 65_536,
  /** Bytes of a session that wait for the journal or a slow peer before reading stops. */
  sessionBufferBytes: 256 * KiB,

  /** From accepted socket to the end of authentication, as PostgreSQL's authentication_timeout. */
  startupTimeoutMs: 60_000,
  /** An embedded PostgreSQL that replays its log after a crash takes seconds; a minute means trouble. */
  embeddedStartTimeoutMs: 60_000,
  /** Dial, TLS and authentication with the target. */
  upstreamConnectTimeoutMs: 15_000,
  /** One call to an identity provider. */
  identityProviderTimeoutMs: 10_000,
  /** How long a cancel may take to reach PostgreSQL. */
  cancelTimeoutMs: 10_000,
  /** A tunnel that does not answer PING this long is dead. */
  tunnelPingIntervalMs: 20_000,
  tunnelPingTimeoutMs: 15_000,
  /** TCP keep-alive starts after this idle time, so that half-open peers are noticed. */
  tcpKeepAliveMs: 60_000,

  /** Streams (local connections) in one tunnel. */
  tunnelStreams: 10_000,
  /** Connections of one gateway that have not finished startup or have no session yet. */
  unauthenticatedConnections: 1_000,
  /** Body of an API request. */
  apiBodyBytes: 64 * KiB,
  /** A bearer token: Entra tokens with many groups reach 10 KB. */
  tokenBytes: 32 * KiB,
  /** Groups taken from one token. */
  groups: 2_000,
} as const;
