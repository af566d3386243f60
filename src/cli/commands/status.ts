import type { Status, Whoami } from '../../contract/api.ts';
import { asGwError, type GwError } from '../../core/errors.ts';
import { formatDuration } from '../../core/units.ts';
import type { GatewayClient } from '../auth/gateway-client.ts';
import type { CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import { factLines } from '../render/facts.ts';
import { momentText, relativeTime } from '../render/time.ts';
import { type ListedTunnel, listTunnels } from '../tunnel/registry.ts';

export const status: CommandSpec = {
  name: 'status',
  summary: 'Show gateway, sign-in, tunnels and sessions',
  examples: [
    ['gw status', 'everything at a glance'],
    ['gw status --json', 'the same for a script'],
  ],
  args: [],
  options: [JSON_OPTION],
  description:
    'What can be told without the gateway is told also when it is away; the exit code says why it is.',
  async run(_, context) {
    const { out, paths } = context;
    const tunnels = await listTunnels(paths);
    const found = await askGateway(context);
    if (out.json) {
      out.value(toJsonValue(found, tunnels));
    } else {
      showGateway(found, context);
      showSessions(found.status, context);
      showTunnels(tunnels, context);
    }
    if (found.error) throw found.error;
    return 0;
  },
};

interface Found {
  readonly gateway?: GatewayClient;
  readonly identity?: Whoami;
  readonly credential?: string;
  readonly status?: Status;
  readonly error?: GwError;
}

async function askGateway(context: CommandContext): Promise<Found> {
  let gateway: GatewayClient | undefined;
  try {
    gateway = await context.gateway();
    const [status, identity] = [await gateway.status(), await gateway.whoami()];
    const { describe } = await gateway.credential();
    return { gateway, status, identity, credential: describe };
  } catch (error) {
    return { ...(gateway ? { gateway } : {}), error: asGwError(error) };
  }
}

function showGateway(
  { gateway, identity, credential, status: answer }: Found,
  { out, clock }: CommandContext,
): void {
  const ends = identity && momentText(Date.parse(identity.token_expires_at), clock.now());
  const facts = factLines(
    [
      [
        'gateway',
        gateway &&
          (answer
            ? `${gateway.url.origin} (${answer.version}, up ${formatDuration(answer.uptime_ms)})`
            : gateway.url.origin),
      ],
      ['signed in as', identity && `${identity.name} (${identity.groups.join(', ') || 'no groups'})`],
      ['credential', credential],
      ['token ends', ends],
    ],
    out.dataStyle,
  );
  for (const line of facts) out.line(line);
}

function showSessions(answer: Status | undefined, { out, clock }: CommandContext): void {
  if (!answer) return;
  out.line('');
  if (answer.sessions.length === 0) {
    out.line('No sessions.');
    return;
  }
  const columns = ['Session', 'Target', 'Database', 'Started', 'Ends', 'Client'].map((title) => ({ title }));
  const when = (text: string): string => relativeTime(Date.parse(text), clock.now());
  out.table(
    columns,
    answer.sessions.map((one) => [
      one.id,
      one.target,
      one.database,
      when(one.started_at),
      when(one.ends_at),
      one.client,
    ]),
  );
}

function showTunnels(tunnels: readonly ListedTunnel[], { out }: CommandContext): void {
  if (tunnels.length === 0) return;
  out.line('');
  const columns = ['Tunnel', 'Target', 'State', 'Address', 'Connections'].map((title) => ({ title }));
  out.table(
    columns,
    tunnels.map(({ name, summary }) =>
      summary
        ? [
            name,
            summary.target,
            summary.state,
            `${summary.host}:${summary.port}`,
            String(summary.connections),
          ]
        : [name, '', 'does not answer', '', ''],
    ),
  );
}

function toJsonValue(found: Found, tunnels: readonly ListedTunnel[]): unknown {
  return {
    gateway: found.gateway?.url.origin ?? null,
    profile: found.gateway?.name ?? null,
    version: found.status?.version ?? null,
    identity: found.identity ?? null,
    credential: found.credential ?? null,
    sessions: found.status?.sessions ?? null,
    tunnels: tunnels.map(({ name, summary }) => summary ?? { name, state: 'does not answer' }),
  };
}
