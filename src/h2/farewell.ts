import { goawayFrame, pingFrame } from './control-frames.ts';
import type { Exchange } from './exchange.ts';
import { CODE, MAX_STREAM_ID, writeUint32 } from './frames.ts';
import type { ConnectionEvents } from './inbound.ts';
import type { Shared } from './shared.ts';

/** Payload of the PING that follows a graceful GOAWAY; others carry zeros and a number. */
const DRAIN_PING = Buffer.alloc(8, 'gw-drain');

/** PING and GOAWAY: is the peer alive, and does either side take new streams. */
export class Farewell implements ConnectionEvents {
  readonly #shared: Shared;
  readonly #exchange: Exchange;
  /** Our PINGs so far; only the latest counts. */
  #pings = 0;
  #awaitsPong = false;
  #draining = false;
  #peerRefuses = false;
  #idleTold = false;

  constructor(shared: Shared, exchange: Exchange) {
    this.#shared = shared;
    this.#exchange = exchange;
  }

  /** Did either side announce the end? */
  get isEnding(): boolean {
    return this.#draining || this.#peerRefuses;
  }

  ping(): void {
    this.#pings++;
    this.#awaitsPong = true;
    this.#shared.sender.control(pingFrame(0, this.#payload()));
  }

  pong(payload: Buffer): boolean {
    if (this.#shared.trip.answered(payload)) return true;
    if (payload.equals(DRAIN_PING)) {
      if (!this.#draining || this.#exchange.refusing) return false;
      this.#refuse(CODE.NO_ERROR);
      return true;
    }
    if (!this.#awaitsPong || !payload.equals(this.#payload())) return false;
    this.#awaitsPong = false;
    this.#shared.options.onPong?.();
    return true;
  }

  goaway(code: number): void {
    if (code !== CODE.NO_ERROR || this.#shared.role === 'client') this.#refuse(code);
    else if (!this.#draining) {
      this.#draining = true;
      this.#shared.sender.control(goawayFrame(MAX_STREAM_ID, code));
      this.#shared.sender.control(pingFrame(0, DRAIN_PING));
    }
  }

  peerGoaway(lastStreamId: number, code: number): void {
    const first = !this.#peerRefuses;
    this.#peerRefuses = true;
    if (this.#shared.role === 'client') this.#exchange.dropAbove(lastStreamId);
    this.#shared.turns.wake();
    if (first) this.#shared.options.onGoaway?.(code);
  }

  /** Tells the owner, once, when after a GOAWAY no stream is left. */
  tellIdle(): void {
    if (this.#idleTold || this.#shared.table.streams.size > 0) return;
    if (!this.#exchange.refusing && !this.#peerRefuses) return;
    this.#idleTold = true;
    this.#shared.options.onIdle?.();
  }

  #refuse(code: number): void {
    if (this.#exchange.refusing) return;
    this.#draining = true;
    this.#exchange.refusing = true;
    this.#shared.sender.control(goawayFrame(this.lastPeerStreamId, code));
  }

  /** The last stream of the peer we may have acted on. Servers open none. */
  get lastPeerStreamId(): number {
    return this.#shared.role === 'server' ? this.#shared.table.lastId : 0;
  }

  #payload(): Buffer {
    const payload = Buffer.alloc(8);
    writeUint32(payload, 4, this.#pings);
    return payload;
  }
}
