/**
 * The configuration as the gateway uses it: checked, defaults filled in, durations in milliseconds, paths
 * absolute. What stands in the file (snake_case) is described by file-schema.ts; resolve.ts turns one
 * into the other. No secret is in here, only where to find it.
 */

/** Where a secret comes from. A `command` is run without a shell; its standard output is the secret for `ttlMs`. */
export type SecretSource =
  | EnvSource
  | FileSource
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly ttlMs: number };

export interface EnvSource {
  readonly kind: 'env';
  readonly name: string;
}

export interface FileSource {
  readonly kind: 'file';
  readonly path: string;
}

/** `[::1]:8443` → host `::1`, port 8443. Port 0 lets the system choose. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  /** Absolute path of the file this came from. */
  readonly path: string;
  readonly listen: HostPort;
  /** Origin without a trailing slash, e.g. `https://gw.example.com:8443`. */
  readonly publicUrl: string;
  /** Paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly admin: { readonly listen: HostPort } | undefined;
  /** Folder of the journal and, without `controlDatabase`, of the embedded control database. */
  readonly data: string;
  readonly controlDatabase: { readonly url: SecretSource } | undefined;
  readonly identityProviders: readonly IdentityProviderConfig[];
  readonly sessionGrants: SessionGrantsConfig;
  readonly audit: { readonly durability: 'disk' | 'kernel' };
  readonly limits: { readonly sessions: number; readonly sessionsPerIdentity: number };
  readonly drainMs: number;
  /** By name, in the order of the file. */
  readonly targets: ReadonlyMap<string, TargetConfig>;
}

export interface SessionGrantsConfig {
  /** New sessions can be opened this long. */
  readonly ttlMs: number;
  /** Sessions are closed this long after the session grant was issued. */
  readonly sessionLimitMs: number;
}

export type TokenKind = 'jwt' | 'id' | 'introspection';
export type IdentityKind = 'human' | 'machine';

export interface IdentityProviderConfig {
  readonly name: string;
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly kind: IdentityKind;
  readonly token: TokenKind;
  readonly algorithms: readonly string[];
  readonly clockSkewMs: number;
  /** A claim's name, or the path to it through nested objects. */
  readonly groupsClaim: string | readonly string[] | undefined;
  readonly nameClaim: string | readonly string[] | undefined;
  /** Empty: any token of this provider is accepted. Otherwise at least one must match. */
  readonly match: readonly MatchRule[];
  /** Where the signing keys are, instead of what discovery says. */
  readonly jwksUri: string | undefined;
  /** Sent as bearer token when discovery document and keys are fetched. */
  readonly discoveryToken: EnvSource | FileSource | undefined;
  /** PEM file with the certificate authorities to trust for this provider, instead of the system's. */
  readonly ca: string | undefined;
  readonly introspection: IntrospectionConfig | undefined;
  readonly signIn: SignInConfig | undefined;
}

export interface IntrospectionConfig {
  readonly clientId: string;
  readonly clientSecret: EnvSource | FileSource;
  readonly endpoint: string | undefined;
}

export interface SignInConfig {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly audience: string | undefined;
  readonly token: 'access' | 'id';
}

/** Every claim must match; then the identity has these groups. */
export interface MatchRule {
  readonly claims: Readonly<Record<string, string | { readonly glob: string }>>;
  readonly groups: readonly string[];
}

export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface TargetConfig {
  readonly name: string;
  readonly description: string | undefined;
  readonly host: string;
  readonly port: number;
  /** The default database. */
  readonly database: string;
  /** All that may be asked for, the default first. */
  readonly databases: readonly string[];
  readonly login: { readonly user: string; readonly password?: SecretSource };
  /** `ca`, `cert` and `key` are paths of PEM files. */
  readonly tls: {
    readonly mode: TlsMode;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  readonly connect: ConnectConfig;
}

export interface ConnectConfig {
  readonly groups: readonly string[];
  readonly identities: readonly NamedIdentity[];
}

/**
 * One person or machine by name. Without `provider`, `name` is the e-mail address of a human of the only
 * human provider; with it, the e-mail address or the subject at that provider.
 */
export interface NamedIdentity {
  readonly provider: string | undefined;
  readonly name: string;
}
