import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clientCredentialsGrant,
  None,
  PrivateKeyJwt,
} from 'openid-client';
import type { Clock } from '../../core/clock.ts';
import { GwError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Credential } from './credential.ts';
import type { Http } from './http.ts';
import { providerError } from './oidc-errors.ts';
import { connectProvider } from './provider.ts';
import { toStored } from './tokens.ts';

export interface ClientGrant {
  readonly issuer: string;
  readonly clientId: string;
  readonly secret?: Secret;
  /** Private key as PEM or JWK, and its `kid`. */
  readonly key?: { readonly text: Secret; readonly id?: string };
  readonly parameters: Readonly<Record<string, string>>;
}

/** A machine's own token (RFC 6749, 4.4); no refresh token comes with it. */
export async function requestClientToken(grant: ClientGrant, http: Http, clock: Clock): Promise<Credential> {
  const prove = grant.key ? await keyProof(grant.key) : secretProof(grant);
  // Which of the two ways to send a secret a provider takes is in its metadata.
  let auth: ClientAuth = None();
  const config = await connectProvider(grant.issuer, grant.clientId, (...call) => auth(...call), http);
  auth = prove(config.serverMetadata().token_endpoint_auth_methods_supported ?? []);
  try {
    const answer = await clientCredentialsGrant(config, { ...grant.parameters });
    const stored = toStored(answer, 'access', clock.now())!;
    return { token: new Secret(stored.token), expiresAtMs: stored.expires_at_ms };
  } catch (error) {
    throw providerError(error, grant.issuer, `give client ${grant.clientId} a token`);
  }
}

type Proof = (methods: readonly string[]) => ClientAuth;

function secretProof({ secret }: ClientGrant): Proof {
  return (methods) => {
    // RFC 8414, 2: without a list, HTTP Basic.
    const postOnly = methods.includes('client_secret_post') && !methods.includes('client_secret_basic');
    return postOnly ? ClientSecretPost(secret!.reveal()) : ClientSecretBasic(secret!.reveal());
  };
}

async function keyProof(key: { readonly text: Secret; readonly id?: string }): Promise<Proof> {
  try {
    const text = key.text.reveal().trim();
    const given = text.startsWith('{') ? (JSON.parse(text) as JsonWebKey) : undefined;
    const jwk = createPrivateKey(given ? { key: given, format: 'jwk' } : text).export({ format: 'jwk' });
    const algorithm = algorithmOf(jwk);
    const imported = await crypto.subtle.importKey('jwk', { ...jwk, ext: false }, algorithm, false, ['sign']);
    const id = key.id ?? (typeof given?.kid === 'string' ? given.kid : undefined);
    const auth = PrivateKeyJwt(id === undefined ? imported : { key: imported, kid: id });
    return () => auth;
  } catch (error) {
    throw new GwError('configuration', 'GW_CLIENT_KEY_FILE holds no usable private key.', {
      detail:
        'RSA, P-256, P-384, P-521 and Ed25519 keys can be used, as PEM (PKCS #8 without a password) or JWK.',
      cause: error,
    });
  }
}

function algorithmOf(jwk: JsonWebKey): { name: string; hash?: string; namedCurve?: string } {
  if (jwk.kty === 'RSA') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (jwk.kty === 'OKP') return { name: 'Ed25519' };
  return { name: 'ECDSA', namedCurve: String(jwk.crv) };
}
