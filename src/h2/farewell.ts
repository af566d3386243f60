import { goawayFrame, pingFrame } from './control-frames.ts';
import type { Exchange } from './exchange.ts';
import { CODE, MAX_STREAM_ID, writeUint32 } from './frames.ts';
import type { ConnectionEvents } from './inbound.ts';
import type { Sender } from './sender.ts';
import type { Role, StreamTable } from './stream-table.ts';
import type { Turns } from './turns.ts';
import type { H2Options } from './types.ts';

/** Payload of the PING that follows a graceful GOAWAY; others carry zeros and a number. */
const DRAIN_PING = Buffer.alloc(8, 'gw-drain');

/** PING and GOAWAY: is the peer alive, and does either side take new streams. */
export class Farewell implements ConnectionEvents {
  readonly #role: Role;
  readonly #table: StreamTable;
  readonly #sender: Sender;
  readonly #exchange: Exchange;
  readonly #turns: Turns;
  readonly #options: H2Options;
  #pings = 0;
  #draining = false;
  #peerRefuses = false;
  #idleTold = false;

  constructor(
    role: Role,
    table: StreamTable,
    sender: Sender,
    exchange: Exchange,
    turns: Turns,
    options: H2Options,
  ) {
    this.#role = role;
    this.#table = table;
    this.#sender = sender;
    this.#exchange = exchange;
    this.#turns = turns;
    this.#options = options;
  }

  /** Did either side announce the end? */
  get isEnding(): boolean {
    return this.#draining || this.#peerRefuses;
  }

  ping(): void {
    this.#pings++;
    this.#sender.control(pingFrame(0, this.#payload()));
  }

  pong(payload: Buffer): void {
    if (payload.equals(DRAIN_PING)) this.#refuse(CODE.NO_ERROR);
    else if (payload.equals(this.#payload())) this.#options.onPong?.();
  }

  goaway(code: number): void {
    if (code !== CODE.NO_ERROR || this.#role === 'client') this.#refuse(code);
    else if (!this.#draining) {
      this.#draining = true;
      this.#sender.control(goawayFrame(MAX_STREAM_ID, code));
      this.#sender.control(pingFrame(0, DRAIN_PING));
    }
  }

  peerGoaway(lastStreamId: number, code: number): void {
    const first = !this.#peerRefuses;
    this.#peerRefuses = true;
    if (this.#role === 'client') this.#exchange.dropAbove(lastStreamId);
    this.#turns.wake();
    if (first) this.#options.onGoaway?.(code);
  }

  /** Tells the owner, once, when after a GOAWAY no stream is left. */
  tellIdle(): void {
    if (this.#idleTold || this.#table.streams.size > 0) return;
    if (!this.#exchange.refusing && !this.#peerRefuses) return;
    this.#idleTold = true;
    this.#options.onIdle?.();
  }

  #refuse(code: number): void {
    if (this.#exchange.refusing) return;
    this.#draining = true;
    this.#exchange.refusing = true;
    this.#sender.control(goawayFrame(this.lastPeerStreamId, code));
  }

  /** The last stream of the peer we may have acted on. Servers open none. */
  get lastPeerStreamId(): number {
    return this.#role === 'server' ? this.#table.lastId : 0;
  }

  #payload(): Buffer {
    const payload = Buffer.alloc(8);
    writeUint32(payload, 4, this.#pings);
    return payload;
  }
}
