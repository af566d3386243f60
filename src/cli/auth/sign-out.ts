import { None, tokenRevocation } from 'openid-client';
import type { Http } from './http.ts';
import { openStore, type StoreOptions } from './open-store.ts';
import type { Paths } from './paths.ts';
import { accountOf, lockSignIn } from './profile-source.ts';
import { type Profile, removeProfile } from './profiles.ts';
import { connectProvider } from './provider.ts';
import type { SecretStore } from './secret-store.ts';
import { parseStored } from './tokens.ts';

export interface SignedOut {
  /** The provider was told and ended the refresh token (RFC 7009). */
  readonly revoked: boolean;
  /** Why the tokens could not be removed from where they are kept. */
  readonly left: unknown;
}

/**
 * Forgets a profile and its tokens. Telling the provider is worth a try: when it is away, or knows no
 * revocation, the tokens are gone from here all the same.
 */
export function signOut(
  name: string,
  profile: Profile,
  http: Http,
  options: StoreOptions,
): Promise<SignedOut> {
  const store = openStore(options, profile.credentials);
  const account = accountOf(name, profile);
  return lockSignIn(options.paths, account, () => forget(account, name, profile, http, store, options.paths));
}

async function forget(
  account: string,
  name: string,
  profile: Profile,
  http: Http,
  store: SecretStore,
  paths: Paths,
): Promise<SignedOut> {
  let revoked = false;
  let left: unknown;
  try {
    const text = await store.get(account).catch(() => undefined);
    const tokens = text === undefined ? undefined : parseStored(text);
    if (tokens?.refresh_token !== undefined) revoked = await revoke(profile, tokens.refresh_token, http);
    await store.delete(account);
  } catch (error) {
    left = error;
  }
  await removeProfile(paths, name);
  return { revoked, left };
}

async function revoke({ sign_in: signIn }: Profile, refreshToken: string, http: Http): Promise<boolean> {
  try {
    const config = await connectProvider(signIn.issuer, signIn.client_id, None(), http);
    if (config.serverMetadata().revocation_endpoint === undefined) return false;
    await tokenRevocation(config, refreshToken, { token_type_hint: 'refresh_token' });
    return true;
  } catch {
    return false;
  }
}
