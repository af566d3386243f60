/**
 * The way out through an HTTP proxy: a CONNECT request (RFC 9110, 9.3.6) and then the raw connection. Which proxy
 * is told by HTTPS_PROXY, ALL_PROXY and NO_PROXY in the usual upper and lower case. Its credentials are in the
 * URL and go nowhere but into the request.
 */
import type { Socket } from 'node:net';
import { getProxyForUrl } from 'proxy-from-env';
import { GwError } from '../../core/errors.ts';

/** The head of a proxy's answer; Node's own limit for servers. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * The proxy for a URL, or undefined for a direct connection.
 * @throws GwError `configuration` when the environment names one that cannot be used
 */
export function proxyFor(url: URL): URL | undefined {
  const text = getProxyForUrl(url.href);
  if (text === '') return undefined;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !['http:', 'https:'].includes(proxy.protocol) || proxy.hostname === '') {
    throw new GwError('configuration', 'The proxy named by the environment cannot be used.', {
      detail: proxy && `Its scheme is ${proxy.protocol}// and gw speaks to http:// and https:// proxies.`,
      hint: `Set HTTPS_PROXY to http://HOST:PORT, or add ${url.hostname} to NO_PROXY.`,
    });
  }
  return proxy;
}

/** How a proxy is named in messages: without its credentials. */
export function proxyName(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}

/**
 * Connects to `authority` (host:port) through the proxy.
 * @param ca the roots an https proxy is trusted by; undefined for those of Node
 * @throws GwError `gateway_unreachable` when the proxy refuses; otherwise the socket's own error, or the reason of `signal`
 */
export async function connectThroughProxy(
  proxy: URL,
  authority: string,
  signal: AbortSignal,
  ca?: string,
): Promise<Socket> {
  const isTls = proxy.protocol === 'https:';
  // They take a noticeable time to load, and most people have no proxy.
  const { request: send } = await (isTls ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    const request = send({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (isTls ? 443 : 80),
      path: authority,
      headers: { host: authority, ...credentials(proxy) },
      agent: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      signal,
      ...(isTls && ca !== undefined && { ca }),
    });
    request.once('connect', (response, socket, head) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300 && head.length === 0) {
        resolve(socket as Socket);
      } else {
        socket.destroy();
        reject(refusal(proxy, authority, status));
      }
    });
    // A proxy that answers as if CONNECT were any other method.
    request.once('response', (response) => {
      response.destroy();
      reject(refusal(proxy, authority, response.statusCode ?? 0));
    });
    request.once('error', (error) => reject(signal.aborted ? signal.reason : error));
    request.end();
  });
}

function credentials(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

function refusal(proxy: URL, authority: string, status: number): GwError {
  return new GwError(
    'gateway_unreachable',
    `The proxy ${proxyName(proxy)} does not let gw through to ${authority}: it answered ${status}.`,
    {
      hint:
        status === 407
          ? "Put the proxy's user and password into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT."
          : 'Ask who runs the proxy to allow CONNECT to this address, or add the host to NO_PROXY.',
    },
  );
}
