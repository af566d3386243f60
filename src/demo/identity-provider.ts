import { generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import type { KeyPair } from './certificates.ts';
import { paceDevices } from './device-pace.ts';
import { type DemoClients, makeClients } from './oidc-clients.ts';
import { type ProviderOptions, providerConfiguration } from './oidc-configuration.ts';
import { memoryStorage } from './oidc-storage.ts';
import { errorPage, INTERACTION_PATH, sendPage, serveInteraction } from './sign-in-pages.ts';

/**
 * A real OpenID provider (`oidc-provider`) on loopback, for the demo and for tests: device flow, authorization
 * code with PKCE, refresh token rotation, client credentials, introspection, revocation.
 */
export interface IdentityProviderOptions extends Partial<ProviderOptions> {
  /** Serve HTTPS with this certificate; default plain HTTP. */
  readonly tls?: KeyPair;
  /** Host name in the issuer; default 127.0.0.1. The listener is on loopback in any case. */
  readonly host?: string;
}

export interface IdentityProvider {
  readonly issuer: string;
  /** Audience of the access tokens. */
  readonly audience: string;
  /** RFC 8707 resource indicator for which access tokens are issued; also the default without one. */
  readonly resource: string;
  readonly clients: DemoClients;
  /** Signing algorithm of its tokens. */
  readonly algorithm: 'RS256' | 'ES256';
  /** Errors inside the provider that are not the client's; empty in a good run. */
  readonly problems: readonly unknown[];
  /**
   * New tokens are signed with a new key. The JWKS holds the former keys too, unless `forget`: then tokens
   * signed with them are no longer valid. Nobody is signed out.
   */
  rotateKeys(options?: { forget?: boolean }): void;
  stop(): Promise<void>;
}

export async function startIdentityProvider(
  options: IdentityProviderOptions = {},
): Promise<IdentityProvider> {
  const settings: ProviderOptions = {
    audience: 'gw',
    algorithm: 'RS256',
    accessToken: 'jwt',
    accessTokenSeconds: 300,
    refreshTokenSeconds: 14 * 86_400,
    deviceCodeSeconds: 600,
    deviceIntervalSeconds: 1,
    ...options,
  };
  let handle: RequestListener = (_, response) => response.writeHead(503).end();
  const listener: RequestListener = (request, response) => handle(request, response);
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const issuer = `${options.tls ? 'https' : 'http'}://${options.host ?? '127.0.0.1'}:${port}`;

  const clients = makeClients();
  const problems: unknown[] = [];
  const kept = { storage: memoryStorage(), cookieKeys: [randomBytes(24).toString('base64url')] };
  let keys: JsonWebKey[] = [];
  const serve = (): void => {
    const provider = new Provider(issuer, {
      ...providerConfiguration(settings),
      adapter: kept.storage,
      clients: clients.registrations,
      cookies: { keys: kept.cookieKeys },
      jwks: { keys: keys as never },
    });
    (provider as EventEmitter).on('error', (error) => problems.push(error));
    provider.on('server_error', (_, error) => problems.push(error));
    paceDevices(provider, settings.deviceIntervalSeconds);
    handle = requestHandler(provider, problems);
  };
  const rotateKeys: IdentityProvider['rotateKeys'] = ({ forget = false } = {}) => {
    keys = [signingKey(settings.algorithm), ...(forget ? [] : keys)];
    serve();
  };
  rotateKeys();
  return {
    issuer,
    audience: settings.audience,
    resource: `urn:${settings.audience}`,
    clients,
    algorithm: settings.algorithm,
    problems,
    rotateKeys,
    async stop() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function requestHandler(provider: Provider, problems: unknown[]): RequestListener {
  const callback = provider.callback();
  return (request: IncomingMessage, response: ServerResponse) => {
    if (!request.url?.startsWith(INTERACTION_PATH)) {
      callback(request, response);
      return;
    }
    serveInteraction(provider, request, response).catch((error: Error & { error?: string }) => {
      if (error.error === undefined) problems.push(error);
      sendPage(response, 400, errorPage(error.error ?? 'server_error', undefined));
    });
  };
}

function signingKey(algorithm: 'RS256' | 'ES256'): JsonWebKey {
  const pair =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomBytes(9).toString('base64url');
  return { ...pair.privateKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' };
}
