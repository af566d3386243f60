/** A way to the database, under measurement. */
export interface Peer {
  readonly name: PeerName;
  readonly port: number;
  /** Database name to ask for there. */
  readonly database: string;
  readonly user: string;
  readonly tls: boolean;
  readonly password: string;
  /** Processes between client and database, in the order a byte meets them. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

export type PeerName =
  | 'direct'
  | 'pgbouncer'
  | 'pgbouncer-tls'
  | 'pgbouncer-two'
  | 'gw-connect'
  | 'gw-connect-kernel'
  | 'gw-native'
  | 'gw-native-kernel';

export const PEER_TITLES: Readonly<Record<PeerName, string>> = {
  direct: 'direct',
  pgbouncer: 'PgBouncer',
  'pgbouncer-tls': 'PgBouncer, client TLS',
  'pgbouncer-two': 'two PgBouncers, TLS between',
  'gw-connect': 'gw connect (two hops, TLS)',
  'gw-connect-kernel': 'gw connect, audit: kernel',
  'gw-native': 'gw native (one hop, TLS)',
  'gw-native-kernel': 'gw native, audit: kernel',
};

/** With whom one of ours is fairly compared: as many hops, TLS in the same place. */
export const FAIR_PEER: Partial<Record<PeerName, PeerName>> = {
  'gw-connect': 'pgbouncer-two',
  'gw-connect-kernel': 'pgbouncer-two',
  'gw-native': 'pgbouncer-tls',
  'gw-native-kernel': 'pgbouncer-tls',
};

/** What libpq needs to go this way. */
export function libpqEnv(peer: Peer): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PGHOST: '127.0.0.1',
    PGPORT: String(peer.port),
    PGDATABASE: peer.database,
    PGUSER: peer.user,
    PGPASSWORD: peer.password,
    PGSSLMODE: peer.tls ? 'require' : 'disable',
    PGGSSENCMODE: 'disable',
  };
}
