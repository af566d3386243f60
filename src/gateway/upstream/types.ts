import type { Channel } from '../../core/channel.ts';

export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Where a password comes from. A `command` is run without a shell; its standard output counts for `ttlMs`. */
export type SecretSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly ttlMs: number };

/** A database to reach, as configured. */
export interface UpstreamTarget {
  readonly name: string;
  /** Host name or address; beginning with `/`: the folder of a unix socket, where TLS does not apply. */
  readonly host: string;
  readonly port: number;
  /** `ca`, `cert` and `key` are paths of PEM files. */
  readonly tls: {
    readonly mode: TlsMode;
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
  readonly login: {
    readonly user: string;
    readonly password?: SecretSource | undefined;
    /** Sends a cleartext password over a network without TLS too, if the server asks for it. Default false. */
    readonly allowCleartext?: boolean | undefined;
  };
}

export interface UpstreamStartup {
  readonly database: string;
  /** As the client asked: 3.0 or 3.2. */
  readonly protocol: { readonly major: number; readonly minor: number };
  /** Without `user` and `database`. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

export interface UpstreamConnection {
  /** Not started. Its first byte is the one after AuthenticationOk. */
  readonly channel: Channel;
  /** The NegotiateProtocolVersion message as the server sent it, if it did. */
  readonly negotiation: Buffer | undefined;
}

export interface ProbeResult {
  /** `server_version` as the server reports it. */
  readonly serverVersion: string;
  readonly isEncrypted: boolean;
}
