import type { Discovery, SignIn, Whoami } from '../../contract/api.ts';
import { GwError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Prompts } from '../render/prompts.ts';
import { createApiClient } from './api-client.ts';
import { browserSignIn } from './browser-flow.ts';
import { deviceSignIn } from './device-flow.ts';
import type { Http } from './http.ts';
import { openStore, type StoreOptions } from './open-store.ts';
import { accountOf, lockSignIn } from './profile-source.ts';
import { type Profile, readProfiles, saveProfile } from './profiles.ts';
import type { SignInRequest } from './sign-in-request.ts';
import { type StoredTokens, toStored } from './tokens.ts';

/** The provider to sign in with: the one that is named, the only one, or the one a person picks. */
export async function pickProvider(
  { sign_in: providers }: Discovery,
  wanted: string | undefined,
  prompts: Prompts,
): Promise<SignIn> {
  const names = providers.map((one) => one.name);
  if (providers.length === 0) {
    throw new GwError('unsupported', 'People cannot sign in to this gateway, only machines.', {
      hint: 'See docs/ci.md for the ways a job signs in.',
    });
  }
  if (wanted === undefined && providers.length > 1 && !prompts.canPrompt) {
    throw new GwError('usage', 'The gateway has several identity providers; say which.', {
      detail: `It names ${names.join(', ')}.`,
      hint: `--provider ${names[0]} (or GW_PROVIDER=${names[0]})`,
    });
  }
  const name = wanted ?? (providers.length === 1 ? names[0]! : await choose(providers, prompts));
  const found = providers.find((one) => one.name === name);
  if (found) return found;
  throw new GwError('usage', `The gateway has no identity provider "${name}".`, {
    detail: `It names ${names.join(', ')}.`,
    hint: `--provider ${names[0]}`,
  });
}

const choose = (providers: readonly SignIn[], prompts: Prompts): Promise<string> =>
  prompts.choose(
    'Sign in with',
    providers.map(({ name, issuer }) => ({ value: name, description: issuer })),
  );

export interface NewSignIn {
  readonly url: URL;
  readonly profileName: string;
  readonly caFile: string | undefined;
  readonly browser: boolean;
  readonly request: SignInRequest;
  readonly store: StoreOptions;
}

export interface SignedIn {
  readonly identity: Whoami;
  readonly tokens: StoredTokens;
  readonly where: string;
}

/**
 * Signs a person in and keeps it: tokens from the provider, then the gateway's own word on who they are.
 * Only what the gateway accepts is stored.
 */
export async function signInAndKeep(options: NewSignIn): Promise<SignedIn> {
  const { request, profileName, url, caFile } = options;
  const { signIn, clock, http } = request;
  const answer = await (options.browser ? browserSignIn : deviceSignIn)(request);
  const tokens = toStored(answer, signIn.token, clock.now());
  if (tokens === undefined) {
    throw new GwError('configuration', `${signIn.issuer} gave no ID token.`, {
      hint: 'Ask who runs the gateway to add the scope openid under sign_in in its configuration.',
    });
  }
  const identity = await askWhoIAm(url, profileName, http, tokens);
  const { paths } = options.store;
  const former = (await readProfiles(paths)).profiles[profileName];
  const store = openStore(options.store);
  const profile: Profile = {
    gateway: url.origin,
    sign_in: signIn,
    identity: { name: identity.name, ...(identity.email === undefined ? {} : { email: identity.email }) },
    signed_in_at: new Date(clock.now()).toISOString(),
    credentials: store.place,
    tls: {
      ...(caFile === undefined ? {} : { ca: caFile }),
      ...(http.trust.isWide(url) ? { system: true } : {}),
    },
  };
  const account = accountOf(profileName, profile);
  await lockSignIn(paths, account, async () => {
    await store.set(account, JSON.stringify(tokens));
    await saveProfile(paths, profileName, { ...profile, credentials: store.place });
  });
  if (former && accountOf(profileName, former) !== account) {
    await openStore(options.store, former.credentials).delete(accountOf(profileName, former));
  }
  return { identity, tokens, where: store.where };
}

function askWhoIAm(url: URL, name: string, http: Http, tokens: StoredTokens): Promise<Whoami> {
  const credential = async () => ({ token: new Secret(tokens.token), expiresAtMs: tokens.expires_at_ms });
  const source = { describe: 'this sign-in', kind: 'profile' as const, credential };
  return createApiClient({ url, name, http, source: async () => source }).whoami();
}
