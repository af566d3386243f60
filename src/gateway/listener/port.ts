import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { HTTP_ALPN, POSTGRES_ALPN, TUNNEL_ALPN } from '../../contract/tunnel.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { errorResponse } from '../../wire/build-backend.ts';
import { decodeStartup, type StartupPacket, startupPacketBytes } from '../../wire/startup.ts';

/**
 * The one TLS port. The first bytes tell who comes:
 *
 *   0x16 (a TLS record)   direct TLS; ALPN says `h2` (tunnel), `postgresql` (native) or `http/1.1` (API)
 *   SSLRequest            PostgreSQL's classic way to TLS: `S`, handshake, native. Bytes behind the request, sent
 *                         before the handshake, are a violation (CVE-2021-23222)
 *   GSSENCRequest         `N`, as PostgreSQL without GSSAPI; the client goes on in the clear, with SSLRequest
 *   CancelRequest         served in the clear, as PostgreSQL does: its key is its credential
 *   anything else         refused: nothing is said in the clear
 */

const TLS_HANDSHAKE_RECORD = 0x16;
const SSL_ACCEPTED = Buffer.from('S');
const GSS_REFUSED = Buffer.from('N');

/** `known` is to be called once the client has proved who it is; until then the connection counts as young. */
export interface PortHandlers {
  tunnel(socket: TLSSocket, known: () => void): void;
  http(socket: TLSSocket): void;
  native(socket: TLSSocket, known: () => void): void;
  cancel(processId: number, secret: Buffer): Promise<void>;
  /** A connection that came to nothing; for the log. */
  refused(error: Error, remoteAddress: string): void;
}

export interface Certificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export class Port {
  readonly #handlers: PortHandlers;
  readonly #tcp: Server;
  #context: SecureContext;
  /**
   * Connections of nobody we know, the oldest first: at most so many, and the one that came first makes room, as
   * who is honest is through in an instant. With a timer where nothing else limits their time.
   */
  readonly #young = new Map<Socket, NodeJS.Timeout | undefined>();

  constructor(certificate: Certificate, handlers: PortHandlers) {
    this.#handlers = handlers;
    this.#tcp = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#context = contextOf(certificate);
  }

  /** Listens; port 0 takes a free one. Resolves with the address in use. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#tcp.once('error', (cause) => {
        reject(new GwError('configuration', `Cannot listen on ${host}:${port}: ${cause.message}`, { cause }));
      });
      this.#tcp.listen({ host, port, backlog: 1_024 }, () => resolve(this.#tcp.address() as AddressInfo));
    });
  }

  /** New connections get this certificate; those that exist keep theirs. */
  set certificate(certificate: Certificate) {
    this.#context = contextOf(certificate);
  }

  /** Accepts no more. Connections that exist are their owners' business. */
  close(): void {
    this.#tcp.close();
    for (const [socket, timer] of this.#young) if (timer) socket.destroy();
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#young.size >= LIMITS.unauthenticatedConnections) {
      const [oldest] = this.#young.keys();
      this.#drop(oldest!, new GwError('too_many_sessions', 'Too many connections in startup.'));
    }
    const seconds = LIMITS.startupTimeoutMs / 1_000;
    const late = (): void =>
      this.#drop(socket, new GwError('timeout', `The startup took longer than ${seconds} s.`));
    this.#young.set(socket, setTimeout(late, LIMITS.startupTimeoutMs));
    socket.once('close', () => this.#grown(socket));
    this.#sniff(socket);
  }

  #drop(socket: Socket, why: GwError): void {
    this.#handlers.refused(why, addressOf(socket));
    this.#grown(socket);
    socket.destroy();
  }

  #grown(socket: Socket): void {
    clearTimeout(this.#young.get(socket));
    this.#young.delete(socket);
  }

  /** Still of nobody we know, but its time is limited elsewhere. */
  #patient(socket: Socket): void {
    clearTimeout(this.#young.get(socket));
    if (this.#young.has(socket)) this.#young.set(socket, undefined);
  }

  /** Reads first bytes until they tell what they are. */
  #sniff(socket: Socket): void {
    let seen: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
        seen = Buffer.concat([seen, chunk]);
      try {
        if (this.#decide(socket, seen)) socket.off('readable', onReadable);
      } catch (error) {
        socket.off('readable', onReadable);
        this.#refuse(socket, error as GwError);
      }
    };
    socket.on('readable', onReadable);
    socket.once('end', () => socket.destroy());
  }

  /** @returns true when the socket has gone to someone else. */
  #decide(socket: Socket, seen: Buffer): boolean {
    if (seen.length === 0) return false;
    if (seen[0] === TLS_HANDSHAKE_RECORD) {
      this.#handshake(socket, seen, false);
      return true;
    }
    const size = startupPacketBytes(seen);
    if (size === undefined || seen.length < size) return false;
    this.#plain(socket, decodeStartup(seen.subarray(4, size)), seen.subarray(size));
    return true;
  }

  #plain(socket: Socket, packet: StartupPacket, behind: Buffer): void {
    if (packet.kind === 'cancel') {
      this.#handlers.cancel(packet.processId, packet.secret).finally(() => socket.destroy());
      return;
    }
    if (behind.length > 0 && packet.kind !== 'startup') {
      throw new GwError('protocol_violation', 'Received unencrypted data after an encryption request.', {
        detail: 'This could be a client bug, or somebody in between who injects data.',
      });
    }
    if (packet.kind === 'startup') {
      throw new GwError('not_signed_in', 'This gateway accepts TLS connections only.', {
        hint: 'Connect with sslmode=verify-full (or at least sslmode=require), or use: gw connect',
      });
    }
    if (packet.kind === 'gss') {
      socket.write(GSS_REFUSED);
      this.#sniff(socket);
      return;
    }
    socket.write(SSL_ACCEPTED);
    this.#handshake(socket, behind, true);
  }

  #handshake(raw: Socket, seen: Buffer, viaSslRequest: boolean): void {
    raw.removeAllListeners('readable');
    raw.removeAllListeners('end');
    if (seen.length > 0) raw.unshift(seen);
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: this.#context,
      ALPNCallback: ({ protocols }) => chooseProtocol(protocols, viaSslRequest),
    });
    const onHandshakeError = (error: Error): void => {
      this.#handlers.refused(error, addressOf(raw));
      raw.destroy();
    };
    socket.once('error', onHandshakeError);
    socket.once('secure', () => {
      socket.off('error', onHandshakeError);
      socket.on('error', () => {});
      this.#route(socket, raw, viaSslRequest);
    });
  }

  #route(socket: TLSSocket, raw: Socket, viaSslRequest: boolean): void {
    const alpn = socket.alpnProtocol;
    const known = (): void => this.#grown(raw);
    if (viaSslRequest || alpn === POSTGRES_ALPN) {
      this.#handlers.native(socket, known);
      return;
    }
    this.#patient(raw);
    if (alpn === TUNNEL_ALPN) this.#handlers.tunnel(socket, known);
    else this.#handlers.http(socket);
  }

  #refuse(socket: Socket, error: GwError): void {
    this.#handlers.refused(error, addressOf(socket));
    const { sqlstate, message, detail, hint } = error;
    socket.end(errorResponse({ severity: 'FATAL', sqlstate, message, detail, hint }));
    setTimeout(() => socket.destroy(), 1_000).unref();
  }
}

/**
 * A browser or a curl that speaks both gets HTTP/1.1, which the API speaks; `h2` is for tunnels alone. Behind an
 * SSLRequest only PostgreSQL may follow.
 */
function chooseProtocol(offered: readonly string[], viaSslRequest: boolean): string | undefined {
  const served = viaSslRequest ? [POSTGRES_ALPN] : [POSTGRES_ALPN, HTTP_ALPN, TUNNEL_ALPN];
  return served.find((protocol) => offered.includes(protocol));
}

const contextOf = (certificate: Certificate): SecureContext =>
  createSecureContext({ ...certificate, minVersion: 'TLSv1.2' });

const addressOf = (socket: Socket): string => socket.remoteAddress ?? '';
