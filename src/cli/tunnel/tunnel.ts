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
import { untilAborted } from './until-aborted.ts';

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

const NEVER = new AbortController().signal;

export interface TunnelOptions {
  readonly gateway: TunnelGateway;
  readonly target: string;
  readonly clock: Clock;
  readonly events?: TunnelEvents;
  /** Gives up opening, with its reason. */
  readonly signal?: AbortSignal;
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
  static async open(options: TunnelOptions): Promise<Tunnel> {
    const { gateway, target, clock, events = NO_EVENTS, signal = NEVER } = options;
    const link = new Link(
      (signal) => dialGateway({ url: gateway.url, ca: gateway.tls.ca }, signal),
      clock,
      events,
    );
    const grants = new GrantKeeper(target, gateway, clock, events);
    const caAtFirst = gateway.tls.ca;
    try {
      const both = Promise.allSettled([grants.get(), link.connect()]);
      const [grant, connected] = await untilAborted(both, signal);
      if (grant.status === 'rejected') throw grant.reason;
      if (connected.status === 'rejected') {
        // The client may have found meanwhile that more roots are needed to trust the gateway.
        if (gateway.tls.ca === caAtFirst) throw connected.reason;
        await link.connect();
      }
      const way: Way = { target, link, grants, now: () => clock.monotonic() };
      return new Tunnel(way, new LocalListener(way, events), grant.value);
    } catch (error) {
      link.close(closing());
      throw error;
    }
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
