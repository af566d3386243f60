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
  /**
   * Messages ahead of their answers before reading from the client stops. PostgreSQL keeps answers back in a
   * buffer of 8 KB, at most 1,638 of five bytes: above that, waiting for answers cannot block for ever.
   */
  pendingOperations: 16_384,
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

  /** Dial and TLS from the CLI to the gateway, a proxy included; people give up after about this long. */
  gatewayDialTimeoutMs: 15_000,
  /** Between attempts to reach a gateway that is gone: the first soon, then doubling up to the last. */
  tunnelRetryMinMs: 250,
  tunnelRetryMaxMs: 20_000,
  /** How long a local connection waits for a lost tunnel; drivers commonly give up after 30 s. */
  tunnelWaitMs: 20_000,
  /** The wall clock moved this much more than the timer: the machine slept, and the connection may be gone. */
  tunnelSleepDriftMs: 10_000,
  /** When something looks wrong (a sleep, a stream without answer), a PING has this long. */
  tunnelSuspectTimeoutMs: 5_000,
  /** A refused local client has this long to read why and hang up. */
  localLingerMs: 5_000,

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

  /** Records that wait for the disk. Above it statements are refused rather than memory growing. */
  journalPendingBytes: 32 * MiB,
  /** Further room for records of what already happened (outcomes, ends), which cannot be refused any more. */
  journalReserveBytes: 32 * MiB,
  /** Statement text kept whole in the journal; of a longer one this much, its length and its SHA-256. */
  journalTextBytes: MiB,
  /** One line of the journal: a text of the limit above whose every byte is escaped (\u0000), and its facts. */
  journalLineBytes: 8 * MiB,
  /** A segment of the journal; a new one is begun above it. Small enough to read and ship in one go. */
  journalSegmentBytes: 64 * MiB,
  /** Zeros written ahead of the records, so that syncing a record need not sync the file's length too. */
  journalAheadBytes: 256 * KiB,
  /** Durability `kernel`: the disk lags by at most this. */
  journalSyncIntervalMs: 50,
  /** A record nobody waits for goes to the disk with others, at the latest after this. */
  journalLingerMs: 20,
  /** How soon a journal whose disk failed tries again. */
  journalRetryMs: 1_000,
  /** A disk that has not answered one write this long counts as failed for readiness. */
  journalStallMs: 10_000,

  /** From accepted connection to a complete request head, and from there to the end of its body. */
  apiHeadTimeoutMs: 10_000,
  apiBodyTimeoutMs: 10_000,
  /** An idle kept-alive API connection; the CLI makes a few calls in a row, then none for long. */
  apiKeepAliveMs: 15_000,
  /** Nesting of a JSON body; the deepest body of the contract has two levels. */
  apiJsonDepth: 16,
  /** Requests per second and in one burst of one address: an office or a CI farm may share one. */
  apiAddressRate: { perSecond: 50, burst: 300 },
  /** The same for one identity: a CI job or a tunnel makes a handful. */
  apiIdentityRate: { perSecond: 10, burst: 60 },
  /** Addresses and identities whose rate is remembered; the one idle longest is forgotten first. */
  apiRateEntries: 20_000,
  /** One check of readiness; a balancer asks every few seconds and gives up soon. */
  healthCheckTimeoutMs: 2_000,

  /** What the CLI waits for a connection to a gateway or an identity provider; a person is watching. */
  cliConnectTimeoutMs: 10_000,
  /** What the CLI waits for an answer: a provider that signs with an HSM or wakes up takes seconds. */
  cliAnswerTimeoutMs: 20_000,
  /** Answer to the CLI: 10,000 targets with a description each are 3 MiB; a JWKS or discovery document is 0.1. */
  cliAnswerBytes: 8 * MiB,
  /** Waiting at the loopback redirect for a person to sign in in the browser. */
  signInTimeoutMs: 300_000,
  /** Asking the operating system's keyring; longer means that nobody is there to unlock it. */
  keyringTimeoutMs: 3_000,
  /** A person who is there unlocks the keyring. */
  keyringUnlockTimeoutMs: 60_000,
  /** Live completion of target names: longer is felt as a hanging shell. */
  completionTimeoutMs: 1_500,
} as const;
