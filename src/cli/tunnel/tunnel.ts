/**
 * A tunnel to one target: the connection to the gateway, the session grant, and, where wanted, a local listener.
 * This file puts the parts together and closes them in order; it decides nothing of its own.
 */
import type { SessionGrant } from '../../contract/api.ts';
import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { dialGateway } from './dial.ts';
import { type GrantEvents, GrantKeeper, type GrantSource } from './grant-keeper.ts';
import { Link, type LinkEvents, TICK_MS } from './link.ts';
import { LocalListener } from './listener.ts';
import { type ProbeResult, probe } from './probe.ts';
import type { Way } from './session-stream.ts';

/** The gateway as the tunnel needs it; the CLI's GatewayClient is one. */
export interface TunnelGateway extends GrantSource {
  readonly url: URL;
  readonly tls: { readonly ca?: string };
}

export interface TunnelEvents extends LinkEvents, GrantEvents {
  /** The number of local connections changed. */
  count(open: number): void;
  /** A connection of another user was turned away. */
  stranger(): void;
}

export const NO_EVENTS: TunnelEvents = {
  down: () => {},
  up: () => {},
  problem: () => {},
  recovered: () => {},
  ended: () => {},
  count: () => {},
  stranger: () => {},
};

export interface TunnelOptions {
  readonly gateway: TunnelGateway;
  readonly target: string;
  readonly clock: Clock;
  readonly events?: TunnelEvents;
}

export class Tunnel {
  readonly way: Way;
  readonly listener: LocalListener;
  /** The first session grant: who one is for the database. */
  readonly grant: SessionGrant;
  readonly #ticker: NodeJS.Timeout;

  private constructor(way: Way, listener: LocalListener, grant: SessionGrant) {
    this.way = way;
    this.listener = listener;
    this.grant = grant;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /**
   * Asks for a session grant and connects to the gateway, both at once.
   * @throws GwError of the one that failed; of the grant, if both did
   */
  static async open({ gateway, target, clock, events = NO_EVENTS }: TunnelOptions): Promise<Tunnel> {
    const link = new Link(
      (signal) => dialGateway({ url: gateway.url, ca: gateway.tls.ca }, signal),
      clock,
      events,
    );
    const grants = new GrantKeeper(target, gateway, clock, events);
    const [grant, connected] = await Promise.allSettled([grants.get(), link.connect()]);
    if (grant.status === 'rejected' || connected.status === 'rejected') {
      const reason = grant.status === 'rejected' ? grant.reason : (connected as PromiseRejectedResult).reason;
      link.close(reason as GwError);
      throw reason;
    }
    const way: Way = { target, link, grants, now: () => clock.monotonic() };
    return new Tunnel(way, new LocalListener(way, events), grant.value);
  }

  /** A round trip to the database; see probe.ts. */
  probe(database: string): Promise<ProbeResult> {
    return probe(this.way, { user: this.grant.user, database });
  }

  /** Ends what is left of the local connections with this reason, then everything else. */
  async close(reason: GwError): Promise<void> {
    clearInterval(this.#ticker);
    await this.listener.cut(reason);
    this.way.link.close(reason);
  }

  #tick(): void {
    this.way.link.tick();
    this.way.grants.tick();
    this.listener.tick(this.way.now());
  }
}

/** For `gw doctor` and `gw status`: opens a tunnel, makes the round trip, closes it. */
export async function probeTarget(
  gateway: TunnelGateway,
  target: string,
  clock: Clock,
): Promise<ProbeResult> {
  const tunnel = await Tunnel.open({ gateway, target, clock });
  try {
    return await tunnel.probe(tunnel.grant.database);
  } finally {
    await tunnel.close(closing());
  }
}

/** The reason local clients see when a tunnel is closed on purpose. */
export function closing(): GwError {
  return new GwError('shutting_down', 'The tunnel was closed: "gw connect" is ending.');
}
