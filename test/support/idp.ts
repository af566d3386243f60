import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IdentityProvider } from '../../src/demo/identity-provider.ts';
import { browserSignIn } from '../../src/demo/sign-in.ts';

/** The identity provider of the demo, and quick ways for tests to get real tokens out of it (plain HTTP only). */
export { type IdentityProvider, startIdentityProvider } from '../../src/demo/identity-provider.ts';
export { approveDeviceCode, browserSignIn, denyDeviceCode } from '../../src/demo/sign-in.ts';

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly id_token?: string;
  readonly expires_in: number;
}

/** Signs a person in with authorization code and PKCE, as the CLI would, and returns the tokens. */
export async function tokensFor(
  idp: IdentityProvider,
  login: string,
  scope = 'openid email',
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url');
  const listener = createServer((_, response) => response.end('ok'));
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  try {
    const redirect = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/callback`;
    const url = new URL(`${idp.issuer}/auth`);
    url.search = new URLSearchParams({
      client_id: idp.clients.cli.clientId,
      response_type: 'code',
      redirect_uri: redirect,
      scope,
      resource: idp.resource,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }).toString();
    const page = await browserSignIn(url, login);
    return await tokenRequest(idp, {
      client_id: idp.clients.cli.clientId,
      grant_type: 'authorization_code',
      code: page.url.searchParams.get('code') ?? '',
      redirect_uri: redirect,
      code_verifier: verifier,
    });
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
}

/** A machine's token, by client credentials. */
export async function machineTokens(idp: IdentityProvider): Promise<Tokens> {
  const { clientId, clientSecret } = idp.clients.robotPost;
  return tokenRequest(idp, {
    client_id: clientId,
    client_secret: clientSecret,
    grant_type: 'client_credentials',
  });
}

/** One request to the token endpoint; throws an Error that names the OAuth error code otherwise. */
export async function tokenRequest(idp: IdentityProvider, form: Record<string, string>): Promise<Tokens> {
  const response = await fetch(`${idp.issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
  const body = (await response.json()) as Tokens & { error?: string; error_description?: string };
  if (!response.ok) throw new Error(`${body.error}: ${body.error_description}`);
  return body;
}
