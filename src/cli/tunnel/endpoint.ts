/**
 * The local endpoint of a tunnel, told in the ways programs take it: a URL, variables, a section of
 * pg_service.conf, JSON. The per-tunnel password stands in a file; only its path is printed.
 */
import type { Secret } from '../../core/secret.ts';

export interface Endpoint {
  /** `127.0.0.1`, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Where local clients must give a password: the file with it, and the password. */
  readonly passfile?: string | undefined;
  readonly password?: Secret | undefined;
}

const isSocketFolder = (host: string): boolean => host.startsWith('/');

/** As libpq reads it (manual 34.1.1.2): a folder cannot stand before the port, so it is a parameter. */
export function connectionUrl(endpoint: Endpoint): string {
  const { host, port, user, database, passfile } = endpoint;
  const query = new URLSearchParams();
  const authority = isSocketFolder(host) ? '' : `${host}:${port}`;
  if (isSocketFolder(host)) {
    query.set('host', host);
    query.set('port', String(port));
  }
  query.set('sslmode', 'disable');
  if (passfile !== undefined) query.set('passfile', passfile);
  return `postgresql://${encodeURIComponent(user)}@${authority}/${encodeURIComponent(database)}?${encode(query)}`;
}

/** With the password in it, for the environment of one child process: drivers other than libpq know no passfile. */
export function connectionUrlForChild(endpoint: Endpoint): string {
  const url = connectionUrl({ ...endpoint, passfile: undefined });
  if (endpoint.password === undefined) return url;
  return url.replace('@', `:${encodeURIComponent(endpoint.password.reveal())}@`);
}

/** libpq decodes %XX only; URLSearchParams writes a space as `+`. */
const encode = (query: URLSearchParams): string => query.toString().replaceAll('+', '%20');

/** The variables libpq and most drivers read; DATABASE_URL for the rest. */
export function connectionVariables(endpoint: Endpoint): Record<string, string> {
  return {
    PGHOST: endpoint.host,
    PGPORT: String(endpoint.port),
    PGUSER: endpoint.user,
    PGDATABASE: endpoint.database,
    PGSSLMODE: 'disable',
    ...(endpoint.passfile !== undefined && { PGPASSFILE: endpoint.passfile }),
    DATABASE_URL: connectionUrl(endpoint),
  };
}

/** Variables of the caller that would lead libpq elsewhere, or make it refuse a local connection without TLS. */
const MISLEADING = [
  'PGHOSTADDR',
  'PGSERVICE',
  'PGPASSWORD',
  'PGREQUIREAUTH',
  'PGREQUIRESSL',
  'PGCHANNELBINDING',
  'PGSSLNEGOTIATION',
  'PGGSSENCMODE',
  'PGREQUIREPEER',
  'PGTARGETSESSIONATTRS',
  'PGLOADBALANCEHOSTS',
];

/** The caller's environment, pointed at the tunnel. */
export function childEnvironment(env: NodeJS.ProcessEnv, endpoint: Endpoint): NodeJS.ProcessEnv {
  const child: NodeJS.ProcessEnv = { ...env };
  for (const name of MISLEADING) delete child[name];
  return { ...child, ...connectionVariables(endpoint), DATABASE_URL: connectionUrlForChild(endpoint) };
}

/** Lines for `eval "$(…)"` in sh, bash and zsh. */
export function exportLines(endpoint: Endpoint): string {
  const unset = `unset ${MISLEADING.join(' ')}`;
  const set = Object.entries(connectionVariables(endpoint)).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}`,
  );
  return [unset, ...set].join('\n');
}

/** One word for sh, whatever is in it. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A section of pg_service.conf (manual 34.17), to be used as `psql service=NAME`. */
export function serviceSection(name: string, endpoint: Endpoint): string {
  const { host, port, database, user, passfile } = endpoint;
  const lines = [
    `[${name}]`,
    `host=${host}`,
    `port=${port}`,
    `dbname=${database}`,
    `user=${user}`,
    'sslmode=disable',
  ];
  if (passfile !== undefined) lines.push(`passfile=${passfile}`);
  return lines.join('\n');
}

export const PRINT_FORMATS = ['url', 'env', 'service', 'json'] as const;
export type PrintFormat = (typeof PRINT_FORMATS)[number];

/** The endpoint as text in one of the formats; `name` heads the section of a service file. */
export function formatEndpoint(
  format: Exclude<PrintFormat, 'json'>,
  name: string,
  endpoint: Endpoint,
): string {
  if (format === 'env') return exportLines(endpoint);
  return format === 'service' ? serviceSection(name, endpoint) : connectionUrl(endpoint);
}

export function endpointJson(endpoint: Endpoint): Record<string, unknown> {
  const { host, port, user, database, passfile } = endpoint;
  return {
    host,
    port,
    user,
    database,
    ...(passfile !== undefined && { passfile }),
    url: connectionUrl(endpoint),
  };
}

/** To paste into a shell. */
export function psqlCommand(endpoint: Endpoint): string {
  const url = connectionUrl(endpoint);
  return /["$`\\!]/.test(url) ? `psql ${shellQuote(url)}` : `psql "${url}"`;
}
