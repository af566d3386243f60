/**
 * The child side of a background tunnel: serves until told to stop over its control socket or by a signal, and
 * writes what happens to a log of bounded size.
 */
import type { Clock } from '../../core/clock.ts';
import { asGwError } from '../../core/errors.ts';
import { tellStarter } from './background.ts';
import { boundedLog } from './bounded-log.ts';
import { connectionUrl } from './endpoint.ts';
import type { LocalWishes } from './local-endpoint.ts';
import { openReadyTunnel, type ReadyTunnel } from './ready.ts';
import {
  logFile,
  type Registration,
  registerTunnel,
  type TunnelFolders,
  type TunnelSummary,
} from './registry.ts';
import { Reporter, type Sayings } from './reporter.ts';
import { type ServeEnd, type Stops, serveUntilStopped } from './serve.ts';
import type { TunnelGateway } from './tunnel.ts';

export interface DetachedOptions {
  readonly name: string;
  readonly target: string;
  readonly gateway: () => Promise<TunnelGateway>;
  readonly folders: TunnelFolders;
  readonly clock: Clock;
  readonly wishes: LocalWishes;
  /** Signals of the process. */
  readonly stops: Stops;
  readonly signal: AbortSignal;
}

/** Resolves when the tunnel is over. What fails before it is ready is told to the starter, and thrown. */
export async function runDetached(options: DetachedOptions): Promise<ServeEnd> {
  const { name, target, folders, clock, wishes, signal } = options;
  const write = boundedLog(logFile(folders, name), () => clock.now());
  const say: Sayings = { note: write, warn: (text) => write(`warning: ${text}`) };
  const reporter = new Reporter(say);
  const control = new ControlStops(options.stops);
  let ready: ReadyTunnel | undefined;
  let registration: Registration | undefined;
  try {
    const gateway = await options.gateway();
    ready = await openReadyTunnel({ gateway, target, clock, folders, wishes, reporter, signal });
    const describe = describer(options, gateway, ready, reporter);
    registration = await registerTunnel(folders, name, ready.local.files, (request) => {
      if (request !== 'describe') control.stop(request === 'cut');
      return describe();
    });
    await tellStarter(describe());
  } catch (error) {
    await ready?.close();
    await tellStarter(asGwError(error));
    throw error;
  }
  say.note(`Ready: ${connectionUrl(ready.local.endpoint)}`);
  const end = await serveUntilStopped(ready.tunnel, reporter, control, say);
  await registration.remove();
  await ready.local.remove();
  say.note(end === 'ended' ? 'The session grant has ended.' : 'Stopped.');
  return end;
}

function describer(
  { name, target, folders, clock }: DetachedOptions,
  gateway: TunnelGateway,
  { local, tunnel }: ReadyTunnel,
  reporter: Reporter,
): () => TunnelSummary {
  const { host, port, user, database, passfile } = local.endpoint;
  const startedAt = new Date(clock.now()).toISOString();
  return () => ({
    name,
    target,
    gateway: gateway.url.origin,
    pid: process.pid,
    host,
    port,
    user,
    database,
    passfile,
    url: connectionUrl(local.endpoint),
    started_at: startedAt,
    ends_at: new Date(tunnel.way.grants.endsAtMs!).toISOString(),
    connections: reporter.connections,
    state: tunnel.listener.isAccepting ? reporter.state : 'draining',
    log: logFile(folders, name),
  });
}

/** Requests to stop from the control socket and from signals, as one. */
class ControlStops implements Stops {
  readonly #signals: Stops;
  #handler: ((isUrgent: boolean) => void) | undefined;

  constructor(signals: Stops) {
    this.#signals = signals;
  }

  stop(isUrgent: boolean): void {
    this.#handler?.(isUrgent);
  }

  onStop(handler: (isUrgent: boolean) => void): () => void {
    this.#handler = handler;
    const remove = this.#signals.onStop(handler);
    return () => {
      this.#handler = undefined;
      remove();
    };
  }
}
