import { GwError } from '../../core/errors.ts';
import type { LocalWishes } from './local-endpoint.ts';
import type { ListedTunnel, TunnelSummary } from './registry.ts';

export interface WantedTunnel {
  readonly target: string;
  /** The gateway's origin. */
  readonly gateway: string;
  /** Asked for by name. */
  readonly name?: string | undefined;
  readonly wishes: LocalWishes;
}

/** A free name for a tunnel in the background, or the tunnel that runs already and is as wanted. */
export type NamingResult =
  | { readonly kind: 'free'; readonly name: string }
  | { readonly kind: 'running'; readonly summary: TunnelSummary };

/** @throws GwError `usage` when the name, or the target, is taken by a tunnel that is not as wanted */
export function nameTunnel(running: readonly ListedTunnel[], wanted: WantedTunnel): NamingResult {
  const same = running.find(
    ({ name, summary }) =>
      summary?.target === wanted.target &&
      summary.gateway === wanted.gateway &&
      (wanted.name === undefined || wanted.name === name),
  );
  if (same?.summary) {
    if (isAsWanted(same.summary, wanted.wishes)) return { kind: 'running', summary: same.summary };
    throw new GwError('usage', `A tunnel to ${wanted.target} runs already, with other settings.`, {
      hint: `Stop it first: gw tunnels stop ${same.name}; or give this one a name: --name NAME`,
    });
  }
  const names = new Set(running.map(({ name }) => name));
  if (wanted.name !== undefined) {
    if (!names.has(wanted.name)) return { kind: 'free', name: wanted.name };
    throw new GwError('usage', `A tunnel named ${wanted.name} runs already.`, { hint: 'gw tunnels ls' });
  }
  let name = wanted.target;
  for (let count = 2; names.has(name); count++) name = `${wanted.target}-${count}`;
  return { kind: 'free', name };
}

function isAsWanted(summary: TunnelSummary, wishes: LocalWishes): boolean {
  const isSocket = summary.host.startsWith('/');
  return (
    (!wishes.port || wishes.port === summary.port) &&
    (wishes.database === undefined || wishes.database === summary.database) &&
    (wishes.socket === undefined ? !isSocket : isSocket) &&
    (typeof wishes.socket !== 'string' || wishes.socket === summary.host) &&
    (!wishes.password || summary.passfile !== undefined)
  );
}
