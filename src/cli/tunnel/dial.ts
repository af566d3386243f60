/**
 * One TLS connection to the gateway's port, directly or through a proxy. What can go wrong on the way is told
 * by the error's code, in words that name the address and the step that failed.
 */
import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { TUNNEL_ALPN } from '../../contract/tunnel.ts';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { connectThroughProxy, proxyFor, proxyName } from './proxy.ts';

export interface DialSettings {
  /** The gateway's base URL. */
  readonly url: URL;
  /** The whole set of roots as PEM; undefined for those of Node. */
  readonly ca?: string | undefined;
  /** For the way from nothing to a finished handshake. */
  readonly timeoutMs?: number;
}

/**
 * Connects, with ALPN `h2`. The socket has no listeners of ours when it is handed over.
 * @throws GwError `gateway_unreachable`, or `configuration` for an unusable proxy; the reason of `signal` when it aborts
 */
export async function dialGateway(settings: DialSettings, signal?: AbortSignal): Promise<TLSSocket> {
  const timeout = AbortSignal.timeout(settings.timeoutMs ?? LIMITS.gatewayDialTimeoutMs);
  const stop = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const proxy = proxyFor(settings.url);
  try {
    const raw = proxy && (await connectThroughProxy(proxy, addressOf(settings.url), stop, settings.ca));
    return await handshake(settings, raw, stop);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof GwError ? error : unreachable(settings.url, proxy, error);
  }
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');
const addressOf = (url: URL): string => `${url.hostname}:${url.port || 443}`;

function handshake(settings: DialSettings, raw: Socket | undefined, stop: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) {
      raw?.destroy();
      reject(stop.reason);
      return;
    }
    const host = hostOf(settings.url);
    const socket = connect({
      host,
      port: Number(settings.url.port || 443),
      ...(raw && { socket: raw }),
      // A name only: RFC 6066 has no addresses in SNI. `host` is what the certificate is compared with then.
      ...(isIP(host) === 0 && { servername: host }),
      ...(settings.ca !== undefined && { ca: settings.ca }),
      ALPNProtocols: [TUNNEL_ALPN],
      minVersion: 'TLSv1.2',
    });
    const settle = (error: Error | undefined): void => {
      stop.removeEventListener('abort', onAbort);
      socket.off('error', settle).off('close', onClose).off('secureConnect', onSecure);
      if (error === undefined) {
        resolve(socket);
        return;
      }
      // An error that comes after this one must not end the process.
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    const onAbort = (): void => settle(stop.reason);
    const onClose = (): void => settle(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    const onSecure = (): void =>
      settle(socket.alpnProtocol === TUNNEL_ALPN ? undefined : notAGateway(settings.url));
    stop.addEventListener('abort', onAbort, { once: true });
    socket.once('error', settle).once('close', onClose).once('secureConnect', onSecure);
  });
}

function notAGateway(url: URL): GwError {
  return new GwError('gateway_unreachable', `What answers at ${addressOf(url)} does not offer a tunnel.`, {
    detail: 'The TLS handshake succeeded, but HTTP/2 was not agreed on.',
    hint: 'Check the address. A proxy that opens TLS to inspect it breaks the tunnel too: exempt the gateway from it.',
  });
}

/** The cause in words, by error code. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'The name cannot be resolved.',
  EAI_AGAIN: 'The name server does not answer.',
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was closed before it was secured.',
  EPIPE: 'The connection was closed before it was secured.',
  ETIMEDOUT: 'The connection attempt was not answered.',
  EHOSTUNREACH: 'There is no route to the host.',
  ENETUNREACH: 'There is no route to the network.',
  TimeoutError: 'The connection attempt was not answered in time.',
};

const NOT_TRUSTED = 'Its certificate is not signed by an authority this machine trusts.';
const CERTIFICATE_CAUSES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Its certificate has expired.',
  CERT_NOT_YET_VALID: "Its certificate is not valid yet, or this machine's clock is wrong.",
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is for another name.',
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  // Another authority of the same name.
  CERT_SIGNATURE_FAILURE: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
};

function unreachable(url: URL, proxy: URL | undefined, cause: unknown): GwError {
  const code = codeOf(cause);
  const certificate = CERTIFICATE_CAUSES[code];
  const through = proxy ? ` through the proxy ${proxyName(proxy)}` : '';
  return new GwError('gateway_unreachable', `The gateway ${addressOf(url)} cannot be reached${through}.`, {
    detail: certificate ?? CAUSES[code] ?? `The connection failed${code && ` (${code})`}.`,
    hint:
      certificate === NOT_TRUSTED
        ? "Give the gateway's certificate authority with --ca FILE (or GW_CA)."
        : 'Run "gw doctor" to see which step of the way fails.',
    cause,
  });
}

/** The code of a socket error; of several attempts (RFC 8305) the first one's. */
function codeOf(cause: unknown): string {
  const error = cause as { code?: unknown; name?: unknown; errors?: unknown[] };
  if (typeof error?.code === 'string') return error.code;
  if (Array.isArray(error?.errors) && error.errors.length > 0) return codeOf(error.errors[0]);
  return error?.name === 'TimeoutError' ? 'TimeoutError' : '';
}
