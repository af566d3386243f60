import { GwError } from '../../core/errors.ts';
import type { SessionTarget, StartupRequest } from './types.ts';

/** PostgreSQL cuts application_name at NAMEDATALEN - 1 bytes. */
const APPLICATION_NAME_BYTES = 63;

/** Startup parameters that the gateway decides itself. */
const OWN = new Set(['user', 'database', 'application_name', 'replication']);

/** What a client's startup packet asks for, checked against its target. */
export interface SessionRequest {
  readonly database: string;
  readonly applicationName: string;
  /** What goes to the database, without user and database; application_name is the caller's to add. */
  readonly parameters: readonly (readonly [string, string])[];
}

/**
 * Reads a startup packet. The database may be named as the target has it, by the target's own name (its default
 * database), or as `target/database`; without one it is the default.
 * @throws GwError `unsupported` for replication, `unknown_database`
 */
export function readRequest(startup: StartupRequest, target: SessionTarget): SessionRequest {
  const given = new Map(startup.parameters);
  if (isReplication(given.get('replication'))) {
    throw new GwError('unsupported', 'Replication connections are not supported through gw.', {
      hint: 'Connect without the "replication" parameter.',
    });
  }
  return {
    database: databaseOf(given.get('database'), target),
    applicationName: given.get('application_name') ?? '',
    parameters: startup.parameters.filter(([name]) => !OWN.has(name)),
  };
}

function isReplication(value: string | undefined): boolean {
  return value !== undefined && !['', 'false', 'off', 'no', '0'].includes(value.toLowerCase());
}

function databaseOf(asked: string | undefined, target: SessionTarget): string {
  if (asked === undefined || asked === '' || asked === target.name) return target.database;
  const prefix = `${target.name}/`;
  const name = asked.startsWith(prefix) ? asked.slice(prefix.length) : asked;
  if (target.databases.includes(name)) return name;
  throw new GwError(
    'unknown_database',
    `Target "${target.name}" does not offer a database named "${name}".`,
    {
      hint: `It offers: ${target.databases.join(', ')}.`,
    },
  );
}

/**
 * What the database's own log shows: `gw:<who>/<session> <client's name>`, cut to what PostgreSQL keeps and
 * to printable ASCII, as PostgreSQL itself does.
 */
export function attribution(who: string, sessionId: string, clientName: string): string {
  const room = APPLICATION_NAME_BYTES - sessionId.length - 4;
  const text = `gw:${who.slice(0, room)}/${sessionId} ${clientName}`;
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, APPLICATION_NAME_BYTES)
    .trimEnd();
}
