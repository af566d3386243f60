/**
 * A tunnel that is proven: connected, listening, and a round trip to the database made. Only then is it handed
 * out; what fails or is interrupted on the way is taken down again.
 */
import type { Clock } from '../../core/clock.ts';
import type { GwError } from '../../core/errors.ts';
import { type LocalEndpoint, type LocalWishes, openLocalEndpoint } from './local-endpoint.ts';
import type { TunnelFolders } from './registry.ts';
import type { Reporter } from './reporter.ts';
import { closing, Tunnel, type TunnelGateway } from './tunnel.ts';
import { untilAborted } from './until-aborted.ts';

export interface ReadyOptions {
  readonly gateway: TunnelGateway;
  readonly target: string;
  readonly clock: Clock;
  readonly folders: TunnelFolders;
  readonly wishes: LocalWishes;
  readonly reporter: Reporter;
  /** Gives up with its reason. */
  readonly signal: AbortSignal;
}

export interface ReadyTunnel {
  readonly tunnel: Tunnel;
  readonly local: LocalEndpoint;
  /** One round trip to the database, in milliseconds. */
  readonly roundTripMs: number;
  /** When sessions of the session grant end, by the local clock (ms since the epoch). */
  readonly endsAtMs: number;
  /** Takes everything down; local clients that are left are told the reason. */
  close(reason?: GwError): Promise<void>;
}

/** @throws GwError of the step that failed, or the reason of `signal` */
export async function openReadyTunnel(options: ReadyOptions): Promise<ReadyTunnel> {
  const { gateway, target, clock, folders, wishes, reporter, signal } = options;
  const tunnel = await Tunnel.open({ gateway, target, clock, events: reporter, signal });
  let local: LocalEndpoint | undefined;
  const close = async (reason: GwError = closing()): Promise<void> => {
    await tunnel.close(reason);
    await local?.remove();
  };
  try {
    const probing = tunnel.probe(wishes.database ?? tunnel.grant.database);
    // Whoever fails first is reported; the other must not go unheard.
    probing.catch(() => {});
    local = await openLocalEndpoint(tunnel, gateway.url, folders, wishes);
    const { roundTripMs } = await untilAborted(probing, signal);
    return { tunnel, local, roundTripMs, endsAtMs: tunnel.way.grants.endsAtMs!, close };
  } catch (error) {
    await close();
    throw error;
  }
}
