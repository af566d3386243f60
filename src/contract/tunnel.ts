/**
 * The tunnel: one TLS connection (ALPN `h2`), one HTTP/2 CONNECT stream per local connection (RFC 9113, 8.5).
 *
 *   :method     CONNECT
 *   :authority  <target>:5432
 *   authorization  Bearer <session grant>
 *   gw-api-version 1
 *
 * 200 opens the stream: from then on DATA carries PostgreSQL protocol bytes, beginning with the client's
 * startup packet. Any other status carries an ErrorBody as DATA. GOAWAY means: open new streams on a new
 * connection; those that exist go on.
 */
export const TUNNEL_ALPN = 'h2';
/** Native PostgreSQL over direct TLS (libpq `sslnegotiation=direct`). */
export const POSTGRES_ALPN = 'postgresql';
export const HTTP_ALPN = 'http/1.1';
export const TUNNEL_PORT_IN_AUTHORITY = 5432;

/** `prod-db` → `prod-db:5432`. */
export function tunnelAuthority(target: string): string {
  return `${target}:${TUNNEL_PORT_IN_AUTHORITY}`;
}

/** The target named by an authority, or undefined when it is not of that form. */
export function targetOfAuthority(authority: string): string | undefined {
  return /^([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?):5432$/.exec(authority)?.[1];
}
