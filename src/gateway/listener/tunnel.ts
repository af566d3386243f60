import type { TLSSocket } from 'node:tls';
import { API_VERSION, API_VERSION_HEADER, type ErrorBody } from '../../contract/api.ts';
import { targetOfAuthority } from '../../contract/tunnel.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { soon } from '../../core/soon.ts';
import { H2Connection } from '../../h2/connection.ts';
import type { H2Stream, Headers } from '../../h2/types.ts';
import { withDeadline } from './deadline.ts';
import type { Credentials, EntranceLog, Grant, Sessions } from './entrance.ts';
import { sayFarewell } from './farewell.ts';
import { Intake } from './intake.ts';
import { negotiateStartup } from './startup.ts';

/**
 * The gateway's end of tunnels: one HTTP/2 connection each, one CONNECT stream per session. A stream is answered
 * 200 once its session grant holds; everything after that is the PostgreSQL protocol, errors included.
 */
export class TunnelEntrance {
  readonly #credentials: Credentials;
  readonly #sessions: Sessions;
  readonly #log: EntranceLog;
  readonly #tunnels = new Set<Tunnel>();

  constructor(credentials: Credentials, sessions: Sessions, log: EntranceLog) {
    this.#credentials = credentials;
    this.#sessions = sessions;
    this.#log = log;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  /** @param known called once a stream's session grant holds */
  accept(socket: TLSSocket, known: () => void): void {
    const remote = socket.remoteAddress ?? '';
    const tunnel = new Tunnel(socket, {
      stream: (stream, headers) => {
        this.#open(stream, headers, remote, known).catch((error: unknown) => {
          this.#log.refused(asGwError(error), remote, 'tunnel');
          stream.destroy();
        });
      },
      closed: () => this.#tunnels.delete(tunnel),
    });
    this.#tunnels.add(tunnel);
  }

  /** Asks every tunnel whether it still lives; called every `tunnelPingIntervalMs`. */
  ping(): void {
    for (const tunnel of this.#tunnels) tunnel.ping();
  }

  /** Streams that exist go on; clients open new ones elsewhere. */
  drain(): void {
    for (const tunnel of this.#tunnels) tunnel.drain();
  }

  destroy(): void {
    for (const tunnel of this.#tunnels) tunnel.destroy();
  }

  async #open(stream: H2Stream, headers: Headers, remoteAddress: string, known: () => void): Promise<void> {
    let grant: Grant;
    try {
      grant = await this.#admit(headers);
    } catch (error) {
      this.#refuse(stream, asGwError(error), remoteAddress);
      return;
    }
    known();
    stream.respond(200);
    const intake = new Intake(stream);
    try {
      const startup = await withDeadline(
        LIMITS.startupTimeoutMs,
        'The startup',
        () => stream.destroy(),
        negotiateStartup(intake, this.#sessions),
      );
      if (!startup) return;
      this.#sessions.open({
        client: intake,
        identity: grant.identity,
        grantId: grant.id,
        endsAtMs: grant.endsAtMs,
        target: grant.target,
        startup,
        via: 'tunnel',
        remoteAddress,
      });
    } catch (error) {
      this.#startupFailed(stream, asGwError(error), remoteAddress);
    }
  }

  async #admit(headers: Headers): Promise<Grant> {
    const version = headers[API_VERSION_HEADER];
    if (version !== undefined && version !== String(API_VERSION)) {
      throw new GwError(
        'usage',
        `This gateway speaks API version ${API_VERSION}; the client asked for ${version}.`,
        {
          hint: 'Upgrade the older of the two.',
        },
      );
    }
    const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (token === undefined) {
      throw new GwError('not_signed_in', 'A tunnel stream needs a session grant as bearer token.', {
        hint: 'Use gw connect, which brings one.',
      });
    }
    const grant = await this.#credentials.sessionGrant(token);
    const target = targetOfAuthority(headers[':authority'] ?? '');
    if (target !== grant.target) {
      throw new GwError(
        'denied',
        `This session grant is for target "${grant.target}", not for "${target ?? ''}".`,
      );
    }
    return grant;
  }

  #startupFailed(stream: H2Stream, error: GwError, remoteAddress: string): void {
    if (error.code === 'cancelled') {
      stream.destroy();
      return;
    }
    this.#log.refused(error, remoteAddress, 'tunnel');
    sayFarewell(stream, error);
  }

  #refuse(stream: H2Stream, error: GwError, remoteAddress: string): void {
    this.#log.refused(error, remoteAddress, 'tunnel');
    const { code, message, detail, hint } = error;
    const body: ErrorBody = { error: { code, message, ...(detail && { detail }), ...(hint && { hint }) } };
    stream.start({ data: () => {}, drain: () => {}, end: () => {}, close: () => {} });
    stream.respond(error.http, { 'content-type': 'application/json' });
    stream.write(Buffer.from(JSON.stringify(body)));
    stream.end();
  }
}

/** One TLS connection with its HTTP/2 connection. */
class Tunnel {
  readonly #socket: TLSSocket;
  readonly #h2: H2Connection;
  #awaitingPong: NodeJS.Timeout | undefined;

  constructor(socket: TLSSocket, on: { stream(stream: H2Stream, headers: Headers): void; closed(): void }) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, LIMITS.tcpKeepAliveMs);
    this.#h2 = new H2Connection(
      'server',
      { write: (chunk, released) => socket.write(chunk, released), close: () => socket.destroySoon() },
      {
        maxStreams: LIMITS.tunnelStreams,
        now: () => performance.now(),
        schedule: soon,
        onStream: on.stream,
        onPong: () => this.#pong(),
        onIdle: () => socket.end(),
        onClose: () => socket.destroySoon(),
      },
    );
    socket.on('data', (chunk: Buffer) => this.#h2.receive(chunk));
    socket.on('drain', () => this.#h2.drained());
    socket.on('end', () => this.#h2.destroy());
    socket.on('close', () => {
      this.#pong();
      this.#h2.destroy();
      on.closed();
    });
  }

  ping(): void {
    if (this.#awaitingPong) return;
    this.#h2.ping();
    this.#awaitingPong = setTimeout(() => this.#socket.destroy(), LIMITS.tunnelPingTimeoutMs);
    this.#awaitingPong.unref();
  }

  drain(): void {
    this.#h2.goaway();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #pong(): void {
    clearTimeout(this.#awaitingPong);
    this.#awaitingPong = undefined;
  }
}
