/**
 * Lets local clients into the tunnel: each connection only when its user is ours (peer-check.ts; the folder of a
 * unix socket), or has to show the per-tunnel password. Keeps their number and the time a startup may take.
 */
import type { Socket } from 'node:net';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type SocketChannel, socketChannel } from '../../core/socket-channel.ts';
import { LocalConnection, type LocalHost } from './local-connection.ts';
import type { LocalPassword } from './local-password.ts';
import { type LocalAddress, type LocalServer, listenLocally } from './local-server.ts';
import { canCheckPeers, type LoopbackPair, PeerCheck } from './peer-check.ts';
import { fatal } from './refusal.ts';
import type { Way } from './session-stream.ts';

/** How a client shows that it is the same user. */
export type Guard =
  | { readonly kind: 'folder' }
  | { readonly kind: 'peer'; readonly check: PeerCheck }
  | { readonly kind: 'password'; readonly password: LocalPassword };

export interface ListenerEvents {
  /** The number of local connections changed. */
  count(open: number): void;
  /** Somebody else's connection was turned away. */
  stranger(): void;
}

/** After the last word the clients have this long to hang up before they are cut. */
const CUT_LINGER_MS = 500;

export class LocalListener implements LocalHost {
  readonly way: Way;
  readonly #events: ListenerEvents;
  readonly #open = new Set<LocalConnection>();
  /** Those with a time limit: not in a session yet, or hanging up. */
  readonly #timed = new Set<LocalConnection>();
  #server: LocalServer | undefined;
  #guard: Guard | undefined;
  /** Accepted before it is known how they have to identify themselves. */
  #early: Socket[] = [];
  isAccepting = true;
  readonly #whenEmpty = new Set<() => void>();

  constructor(way: Way, events: ListenerEvents) {
    this.way = way;
    this.#events = events;
  }

  get openConnections(): number {
    return this.#open.size;
  }

  get password(): LocalPassword | undefined {
    return this.#guard?.kind === 'password' ? this.#guard.password : undefined;
  }

  /** Listens; connections wait until {@link guardWith}. Throws as {@link listenLocally}. */
  async listen(address: LocalAddress): Promise<LocalServer> {
    this.#server = await listenLocally(address, (socket) => this.#accept(socket));
    return this.#server;
  }

  /** Says how clients are checked, and lets in those who came before. */
  guardWith(guard: Guard): void {
    this.#guard = guard;
    const early = this.#early;
    this.#early = [];
    for (const socket of early) this.#accept(socket);
  }

  /** Stops accepting. Resolves when the last connection has ended. */
  async drain(): Promise<void> {
    this.isAccepting = false;
    await this.#server?.close();
    if (this.#open.size > 0) await new Promise<void>((done) => this.#whenEmpty.add(done));
  }

  /** Ends all connections with this reason, now. */
  async cut(reason: GwError): Promise<void> {
    this.isAccepting = false;
    await this.#server?.close();
    for (const socket of this.#early.splice(0)) socket.destroy();
    for (const connection of [...this.#open]) connection.refuse(reason);
    if (this.#open.size === 0) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(done, CUT_LINGER_MS);
      this.#whenEmpty.add(() => {
        clearTimeout(timer);
        done();
      });
    });
    for (const connection of this.#open) connection.destroy();
  }

  /** Looks at the clock; called every few seconds. */
  tick(nowMs: number): void {
    for (const connection of this.#timed) {
      const waitedMs = nowMs - connection.sinceMs;
      if (connection.phase === 'opening') {
        if (waitedMs > LIMITS.tunnelSuspectTimeoutMs) this.way.link.suspect();
      } else if (connection.phase === 'closing') {
        if (waitedMs > connection.lingerMs) connection.destroy();
      } else if (waitedMs > LIMITS.startupTimeoutMs) {
        connection.refuse(new GwError('timeout', 'The client did not finish its startup in time.'));
      }
    }
  }

  moved(connection: LocalConnection): void {
    if (connection.phase === 'open') this.#timed.delete(connection);
    else this.#timed.add(connection);
  }

  closed(connection: LocalConnection): void {
    this.#timed.delete(connection);
    if (!this.#open.delete(connection)) return;
    this.#events.count(this.#open.size);
    if (this.#open.size > 0) return;
    for (const done of this.#whenEmpty) done();
    this.#whenEmpty.clear();
  }

  #accept(socket: Socket): void {
    const guard = this.#guard;
    if (!this.isAccepting || this.#early.length >= LIMITS.tunnelStreams) {
      socket.destroy();
    } else if (guard === undefined) {
      this.#early.push(socket);
    } else if (guard.kind === 'peer') {
      const channel = socketChannel(socket);
      guard.check.check(pairOf(socket), (peer) => {
        if (peer === 'same') this.#admit(channel);
        else this.#turnAway(channel, peer);
      });
    } else {
      this.#admit(socketChannel(socket));
    }
  }

  #admit(channel: SocketChannel): void {
    if (!this.isAccepting) {
      channel.destroy();
      return;
    }
    const connection = new LocalConnection(this, channel, this.way.now());
    this.#open.add(connection);
    this.#timed.add(connection);
    this.#events.count(this.#open.size);
    if (this.#open.size <= LIMITS.tunnelStreams) return;
    connection.refuse(
      new GwError('too_many_sessions', `The tunnel has ${LIMITS.tunnelStreams} connections already.`, {
        hint: 'Close some, or use a connection pool.',
      }),
    );
  }

  #turnAway(channel: SocketChannel, peer: 'other' | 'unknown'): void {
    const why =
      peer === 'other'
        ? 'This tunnel belongs to another user of this machine.'
        : 'It cannot be told which user of this machine connects.';
    channel.write(fatal(new GwError('denied', why)));
    // The system has the text by now; a stranger is not waited for.
    setImmediate(() => channel.destroy());
    if (peer === 'other') this.#events.stranger();
  }
}

function pairOf(socket: Socket): LoopbackPair {
  return {
    clientAddress: socket.remoteAddress ?? '',
    clientPort: socket.remotePort ?? 0,
    serverAddress: socket.localAddress ?? '',
    serverPort: socket.localPort ?? 0,
  };
}

/** The peer check where the system can tell, tried on a connection to the listener itself; otherwise undefined. */
export async function peerGuard(server: LocalServer): Promise<Guard | undefined> {
  const uid = process.geteuid?.();
  if (process.platform !== 'linux' || uid === undefined) return undefined;
  const check = new PeerCheck(uid);
  return (await canCheckPeers(check, server.port)) ? { kind: 'peer', check } : undefined;
}
