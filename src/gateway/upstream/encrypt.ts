import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from 'node:tls';
import { socketChannel } from '../../core/socket-channel.ts';
import { sslRequest } from '../../wire/build-frontend.ts';
import { certificateHash } from './certificate-hash.ts';
import { Unreachable } from './failures.ts';
import { Opening } from './opening.ts';
import type { ChannelBinding } from './scram.ts';
import type { UpstreamTarget } from './types.ts';

/**
 * From a plain connection to one that is as safe as the target's TLS mode demands (manual 32.19, 55.2.1). The server
 * answers SSLRequest with one byte that nobody has authenticated: nothing may come with it, and only the mode
 * `prefer` goes on without TLS, and only after an honest `N`.
 */

/** The name in the ALPN extension that PostgreSQL 17 and later know. */
const ALPN = ['postgresql'];
const YES = 0x53; // S
const NO = 0x4e; // N
const ERROR = 0x45; // E

export interface SafeOpening {
  readonly opening: Opening;
  readonly binding: ChannelBinding;
}

/**
 * @param opening of the fresh connection; used up
 * @throws Unreachable, the error of the TLS handshake, or the reason of `signal`
 */
export async function encrypt(
  opening: Opening,
  target: UpstreamTarget,
  context: () => Promise<SecureContext>,
  signal: AbortSignal,
): Promise<SafeOpening> {
  const plain: SafeOpening = { opening, binding: { kind: 'none' } };
  if (target.tls.mode === 'disable' || target.host.startsWith('/')) return plain;
  const secureContext = await context();
  opening.send(sslRequest());
  if (!(await isGranted(opening))) {
    if (target.tls.mode === 'prefer') return plain;
    throw new Unreachable('does not offer TLS, which the gateway demands of it');
  }
  const options = { ...verification(target), secureContext, ALPNProtocols: ALPN };
  const socket = await handshake(opening.detach(), options, signal);
  const certificate = socket.getPeerX509Certificate();
  const hash = certificate && certificateHash(certificate.raw);
  return {
    opening: new Opening(socketChannel(socket), true, signal),
    binding: hash ? { kind: 'tls-server-end-point', data: hash } : { kind: 'none' },
  };
}

async function isGranted(opening: Opening): Promise<boolean> {
  const answer = await opening.byte();
  if (answer === ERROR) {
    throw new Unreachable('refused the connection before TLS', {
      cause: new Error('The server answered SSLRequest with an error, which is not authenticated'),
    });
  }
  if ((answer !== YES && answer !== NO) || opening.unread.length > 0) {
    throw new Unreachable('does not answer as PostgreSQL does', {
      cause: new Error(`Answer to SSLRequest: byte ${answer}, then ${opening.unread.length} more`),
    });
  }
  return answer === YES;
}

/**
 * What each mode checks: `prefer` and `require` nothing, unless a certificate authority is named, which makes `require`
 * mean `verify-ca`; `verify-ca` the chain; `verify-full` also the name. Without an authority of its own
 * `verify-ca` would accept anyone's certificate, so it is then `verify-full`.
 */
function verification({ host, tls }: UpstreamTarget): ConnectionOptions {
  const name = isIP(host) ? { host } : { host, servername: host };
  const checksName = tls.mode === 'verify-full' || (tls.mode === 'verify-ca' && tls.ca === undefined);
  const checksChain = checksName || tls.mode === 'verify-ca' || (tls.mode === 'require' && !!tls.ca);
  return {
    ...name,
    rejectUnauthorized: checksChain,
    ...(checksName ? {} : { checkServerIdentity: () => undefined }),
  };
}

function handshake(socket: Socket, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connect({ ...options, socket });
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      secure.off('secureConnect', onSecure).off('error', onFailure).off('close', onFailure);
    };
    const onSecure = (): void => {
      settle();
      resolve(secure);
    };
    const onFailure = (error?: unknown): void => {
      settle();
      secure.on('error', () => {});
      secure.destroy();
      socket.destroy();
      reject(
        error instanceof Error ? error : new Unreachable('closed the connection during the TLS handshake'),
      );
    };
    const onAbort = (): void => onFailure(signal.reason);
    secure.once('secureConnect', onSecure).once('error', onFailure).once('close', onFailure);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
