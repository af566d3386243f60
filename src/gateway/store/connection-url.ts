import type { ClientConfig } from 'pg';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Secret } from '../../core/secret.ts';

/**
 * The control database's URL → settings of `pg`. TLS modes mean what they mean to libpq, with one difference:
 * a host across the network without a mode is refused, because libpq's default (`prefer`) protects nothing
 * and the signing keys pass here.
 */
export function clientConfig(url: Secret): ClientConfig {
  const parsed = parse(url);
  const mode = parsed.searchParams.get('sslmode');
  if (mode !== null && !MODES.has(mode)) {
    throw new GwError('configuration', `The control database's URL has an unknown sslmode "${mode}".`, {
      hint: `Use one of ${[...MODES].join(', ')}.`,
    });
  }
  if (mode === null && !isLocal(parsed)) {
    throw new GwError(
      'configuration',
      `The control database's URL does not say how ${parsed.hostname} is protected.`,
      {
        hint: 'Add sslmode=verify-full (with sslrootcert=… for a private authority), or sslmode=disable.',
      },
    );
  }
  if (mode === 'verify-ca' && !parsed.searchParams.has('sslrootcert')) {
    throw new GwError(
      'configuration',
      "The control database's URL has sslmode=verify-ca without sslrootcert.",
      {
        hint: 'Name the authority, or use sslmode=verify-full, which also checks the host name.',
      },
    );
  }
  parsed.searchParams.set('uselibpqcompat', 'true');
  return {
    connectionString: parsed.href,
    application_name: 'gw',
    connectionTimeoutMillis: LIMITS.controlDatabaseConnectTimeoutMs,
    statement_timeout: LIMITS.controlDatabaseTimeoutMs,
    lock_timeout: LIMITS.controlDatabaseTimeoutMs,
    query_timeout: LIMITS.controlDatabaseTimeoutMs * 2,
    idle_in_transaction_session_timeout: LIMITS.controlDatabaseTimeoutMs * 2,
    keepAlive: true,
  };
}

const MODES = new Set(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']);

function parse(url: Secret): URL {
  const parsed = URL.parse(url.reveal());
  if (parsed !== null && /^postgres(ql)?:$/.test(parsed.protocol)) return parsed;
  throw new GwError(
    'configuration',
    "The control database's URL is not of the form postgres://user:password@host/database.",
    {
      hint: 'Check GW_DATABASE_URL. Characters like @, / and # in a password are written %40, %2F and %23.',
    },
  );
}

/** A Unix socket, or loopback. */
function isLocal(url: URL): boolean {
  const host = decodeURIComponent(url.searchParams.get('host') ?? url.hostname);
  return (
    host === '' ||
    host.startsWith('/') ||
    host === 'localhost' ||
    host === '[::1]' ||
    /^127(\.\d+){3}$/.test(host)
  );
}
