import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { ClientMetadata } from 'oidc-provider';

/** The applications registered with the demo's identity provider, with the credentials they need. */
export interface DemoClients {
  /** The CLI: public; device code, authorization code with PKCE on any loopback port, refresh tokens. */
  readonly cli: { readonly clientId: string };
  /** Machines: client credentials with a secret, sent as HTTP Basic or in the form. */
  readonly robot: ClientSecret;
  readonly robotPost: ClientSecret;
  /** A machine that signs a JWT with its own key (RFC 7523, ES256). */
  readonly robotKey: { readonly clientId: string; readonly kid: string; readonly privateKeyPem: string };
  /** A resource server that asks about opaque tokens (RFC 7662), with HTTP Basic or in the form. */
  readonly introspection: ClientSecret;
  readonly introspectionPost: ClientSecret;
  /** The same as the provider wants to have them. */
  readonly registrations: ClientMetadata[];
}

export interface ClientSecret {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Loopback redirects: the provider ignores the port of a native client (RFC 8252, section 7.3). */
const REDIRECTS = ['127.0.0.1', '[::1]', 'localhost'].flatMap((host) => [
  `http://${host}/callback`,
  `http://${host}/`,
]);
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

export function makeClients(): DemoClients {
  const robot = withSecret('gw-robot');
  const robotPost = withSecret('gw-robot-post');
  const introspection = withSecret('gw-gateway');
  const introspectionPost = withSecret('gw-gateway-post');
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomBytes(6).toString('hex');
  const publicJwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
  const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
  const asker = { grant_types: [], redirect_uris: [], response_types: [] };
  const secret = ({ clientId, clientSecret }: ClientSecret, method: 'basic' | 'post'): ClientMetadata => ({
    client_id: clientId,
    client_secret: clientSecret,
    token_endpoint_auth_method: `client_secret_${method}`,
  });
  const registrations = [
    {
      client_id: 'gw-cli',
      client_name: 'gw',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
      response_types: ['code'],
      redirect_uris: REDIRECTS,
    },
    { ...machine, ...secret(robot, 'basic') },
    { ...machine, ...secret(robotPost, 'post') },
    {
      ...machine,
      client_id: 'gw-robot-key',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [publicJwk] },
    },
    { ...asker, ...secret(introspection, 'basic') },
    { ...asker, ...secret(introspectionPost, 'post') },
  ] as ClientMetadata[];
  const privateKeyPem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  return {
    cli: { clientId: 'gw-cli' },
    robot,
    robotPost,
    robotKey: { clientId: 'gw-robot-key', kid, privateKeyPem },
    introspection,
    introspectionPost,
    registrations,
  };
}

function withSecret(clientId: string): ClientSecret {
  return { clientId, clientSecret: randomBytes(24).toString('base64url') };
}
