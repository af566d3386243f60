import { isIP } from 'node:net';
import { GwError } from '../../core/errors.ts';

/**
 * The base URL of a gateway from what a person types: `gw.example.com`, `https://gw.example.com:8443/`.
 * Anything but https is refused, save for http to the loopback interface, where no network can listen.
 */
export function parseGatewayUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!url?.hostname) {
    throw new GwError('usage', `"${text}" is not the URL of a gateway.`, {
      hint: 'gw login https://gw.example.com',
    });
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new GwError('usage', `${url.origin} is not https: a token sent there could be read on the way.`, {
      hint: `gw login https://${url.host}`,
    });
  }
  if (url.username || url.password) {
    throw new GwError('usage', 'A gateway URL carries no user or password.', {
      hint: `gw login ${url.origin}`,
    });
  }
  if (url.pathname !== '/' || url.search || url.hash) {
    throw new GwError('usage', `A gateway URL ends after the host and port, not with ${url.pathname}.`, {
      hint: `gw login ${url.origin}`,
    });
  }
  return url;
}

export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(host) === 4) return host.startsWith('127.');
  if (isIP(host) === 6) return host === '::1';
  return host === 'localhost' || host.endsWith('.localhost');
}

/** `gw.example.com`, or `gw.example.com-8443` where the port is not the usual one: the name of its profile. */
export function profileNameFor(url: URL): string {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/[^A-Za-z0-9.-]/g, '-');
  const name = (url.port ? `${host}-${url.port}` : host).replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  return name || 'gateway';
}
