import type { SessionGrant } from '../../contract/api.ts';
import type { GatewayClient } from '../auth/gateway-client.ts';
import type { CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import { momentText } from '../render/time.ts';

const HTTPS_PORT = 443;

export const token: CommandSpec = {
  name: 'token',
  summary: 'Print a short-lived password for connecting without gw',
  examples: [
    ['gw token prod-db', 'a session grant: it opens sessions until it expires'],
    [
      'PGPASSWORD=$(gw token prod-db) psql "host=gw.example.com port=8443 dbname=prod-db user=me sslmode=verify-full sslrootcert=system"',
      'straight to the gateway, without a tunnel',
    ],
    ['gw token prod-db --json', 'with host, port and when it expires'],
  ],
  description:
    'For programs that connect to the gateway themselves, with TLS and this token as password; the database name is the\n' +
    'target. Whoever has the token reaches the database as you until it expires: do not put it into files, logs or\n' +
    'command lines.',
  args: [{ name: 'TARGET', summary: 'Name of the database, as in gw ls', completes: 'target' }],
  options: [JSON_OPTION],
  async run(input, context) {
    const target = await context.pickTarget(input.args[0], 'token');
    const gateway = await context.gateway();
    const grant = await gateway.sessionGrant(target);
    const { hostname: host, port } = gateway.url;
    if (context.out.json) {
      context.out.value({
        token: grant.token,
        target,
        host: host.replace(/^\[|\]$/g, ''),
        port: Number(port || HTTPS_PORT),
        user: grant.user,
        expires_at: grant.expires_at,
        ends_at: grant.ends_at,
      });
      return 0;
    }
    context.out.line(grant.token);
    explain(target, grant, gateway, context);
    return 0;
  },
};

function explain(
  target: string,
  grant: SessionGrant,
  { url, tls }: GatewayClient,
  { out, clock, selection }: CommandContext,
): void {
  const roots = tls.ca === undefined ? 'system' : (selection.ca ?? 'FILE');
  const settings = [
    `host=${url.hostname.replace(/^\[|\]$/g, '')}`,
    `port=${url.port || HTTPS_PORT}`,
    `dbname=${target}`,
    `user=${quoted(grant.user)}`,
    'sslmode=verify-full',
    `sslrootcert=${quoted(roots)}`,
  ].join(' ');
  const opens = momentText(
    clock.now() + Date.parse(grant.expires_at) - Date.parse(grant.issued_at),
    clock.now(),
  );
  out.note(`Opens sessions until ${opens}. To use it:`);
  out.note(`  ${out.style.accent(`PGPASSWORD=$(gw token ${target}) psql "${settings}"`)}`);
}

/** A value in a libpq connection string (manual 34.1.1.1). */
function quoted(value: string): string {
  return /^[\w.@/+-]+$/.test(value) ? value : `'${value.replace(/['\\]/g, '\\$&')}'`;
}
