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
  /** Connections of one gateway to its control database: it asks rarely, and gateways share the server. */
  controlDatabaseConnections: 5,
  controlDatabaseConnectTimeoutMs: 10_000,
  /** One statement, or the wait for a lock, in the control database; each touches a few rows. */
  controlDatabaseTimeoutMs: 15_000,
  /** A key that signs session grants is replaced at this age… */
  signingKeyAgeMs: 30 * 86_400_000,
  /** …and goes on verifying this long: longer than any session grant can be used. */
  signingKeyKeepMs: 2 * 86_400_000,
  /** Dial, TLS and authentication with the target. */
  upstreamConnectTimeoutMs: 15_000,
  /** One call to an identity provider. */
  identityProviderTimeoutMs: 10_000,
  /** Rounds of PBKDF2 a server may ask for: half a second of a core; PostgreSQL's default is 4,096. */
  scramIterations: 1_000_000,
  /** Derived SCRAM keys kept for each target: one login has one salt, two while its password changes. */
  scramKeys: 8,
  /** A command that prints a login's password; cloud tools take one to three seconds. */
  loginCommandTimeoutMs: 10_000,
  /** A refused password makes its command run again at most this often, so that a wrong login is no storm. */
  loginRenewIntervalMs: 5_000,
  /** Between two readings of the signing keys: an unknown key may be a forgery, and must not cost a query each. */
  signingKeyRefreshMs: 5_000,
  /** A client that ended its direction without Terminate is gone or a script that waits; then what runs is cancelled. */
  clientGoneMs: 10_000,
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
  /** A tunnel in the background is ready or failed by then: sign-in, dial and the first round trip have limits of their own. */
  backgroundStartMs: 60_000,
  /** A refused local client has this long to read why and hang up. */
  localLingerMs: 5_000,
  /** A local client that reads slowly has this long for the last bytes of a session that ended. */
  localGoodbyeMs: 60_000,

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
  /** Answer of an identity provider: discovery documents are 5 KB, key sets with certificate chains 50 KB. */
  identityProviderAnswerBytes: MiB,
  /** Signing keys of one provider; large ones publish about ten. */
  identityKeys: 100,
  /** Keys are fetched again after this time, so that a withdrawn one is noticed. */
  identityKeysFreshMs: 600_000,
  /** Through an outage keys are used this long: access tokens live about an hour, so all are gone by then. */
  identityKeysStaleMs: 3_600_000,
  /** Between two fetches from one provider: a stream of tokens with invented key ids costs it six a minute. */
  identityProviderCooldownMs: 10_000,
  /** Tokens that are being verified at one time; above it the next one is refused, not queued. */
  verifyingTokens: 256,
  /** Tokens whose verification is remembered, and how long at most: a withdrawn key or token ends by then. */
  verifiedTokens: 10_000,
  verifiedTokenMs: 300_000,
  /** The same for opaque tokens, whose end only the provider knows. */
  introspectedTokenMs: 30_000,
  /** Session grants whose verification is remembered: more than the tunnels of a busy gateway. */
  verifiedSessionGrants: 10_000,

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
  /** Refused credentials of one address: people mistype, jobs retry; above it nothing it presents is looked at. */
  apiRefusedRate: { perSecond: 1, burst: 30 },
  /** Requests on one API connection; the CLI makes a few, and a new connection is cheap. */
  apiRequestsPerConnection: 100,
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
