import { resolve } from 'node:path';
import { fetchDiscovery } from '../auth/api-client.ts';
import { parseGatewayUrl, profileNameFor } from '../auth/gateway-url.ts';
import { openHttp } from '../auth/open-gateway.ts';
import { checkProfileName, readProfiles } from '../auth/profiles.ts';
import { selectGateway } from '../auth/select-gateway.ts';
import { pickProvider, type SignedIn, signInAndKeep } from '../auth/sign-in.ts';
import type { CommandInput, CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import { untilInterrupted } from '../interrupts.ts';

export const login: CommandSpec = {
  name: 'login',
  summary: 'Sign in to a gateway',
  examples: [
    ['gw login https://gw.example.com', 'shows a code to confirm in any browser'],
    ['gw login https://gw.example.com --browser', 'in the browser of this machine, without a code'],
    ['gw login', 'again, at the gateway used last'],
    ['gw login https://gw.corp:8443 --ca corp.pem', 'with a certificate of your own authority'],
    ['gw login https://gw-eu.example.com --profile eu', 'under a name of your choice'],
  ],
  args: [{ name: 'URL', summary: 'The gateway; only needed the first time', completes: 'gateway' }],
  options: [
    {
      flags: '--browser',
      summary: 'Sign in with the browser of this machine (authorization code with PKCE)',
      env: 'GW_BROWSER',
    },
    { flags: '--no-browser', summary: 'Show the URL, but do not open it', env: 'GW_NO_BROWSER' },
    {
      flags: '--provider <name>',
      summary: 'Identity provider, where the gateway has several',
      env: 'GW_PROVIDER',
      completes: 'nothing',
    },
    {
      flags: '--profile <name>',
      summary: 'Name to keep it under (default: the host)',
      env: 'GW_PROFILE',
      completes: 'gateway',
    },
    JSON_OPTION,
  ],
  description:
    'The gateway says which identity provider to use. Tokens are kept in the keyring of the system, or encrypted\n' +
    'in a file of yours where there is none, and are renewed without asking. Over SSH and in containers use the\n' +
    'code: it can be confirmed on any device. Jobs without a person do not sign in: see docs/ci.md.',
  run: (input, context) => untilInterrupted(context.interrupt, (signal) => run(input, context, signal)),
};

async function run(
  { args, options }: CommandInput,
  context: CommandContext,
  signal: AbortSignal,
): Promise<number> {
  const { out, env, clock, paths, prompts } = context;
  const { url, name, caFile } = await whereTo(args[0], options.profile as string | undefined, context);
  const setting = await context.network();
  const http = await openHttp({ gateway: url, caFile }, setting);
  try {
    const discovery = await fetchDiscovery(url, http);
    const signIn = await pickProvider(discovery, options.provider as string | undefined, prompts);
    signal.throwIfAborted();
    const signedIn = await signInAndKeep({
      url,
      profileName: name,
      caFile,
      browser: options.browser === true,
      request: {
        signIn,
        http,
        clock,
        out,
        env,
        openBrowser: options.browser !== false && prompts.canPrompt,
        signal,
      },
      store: { env, paths, canPrompt: prompts.canPrompt, note: out.notice },
    });
    report(signedIn, url, name, context);
    return 0;
  } finally {
    await http.close();
  }
}

/** The URL that is given; else the gateway of --gateway or of the last sign-in. */
async function whereTo(
  given: string | undefined,
  profile: string | undefined,
  { selection, paths }: CommandContext,
) {
  if (profile !== undefined) checkProfileName(profile);
  const all = await readProfiles(paths);
  const selected =
    given === undefined && profile !== undefined && all.profiles[profile]
      ? selectGateway(profile, all)
      : selectGateway(given === undefined ? selection.gateway : parseOrName(given, all.profiles), all);
  const name = profile ?? (selected.profile ? selected.name : profileNameFor(selected.url));
  const ca = selection.ca ?? selected.profile?.tls?.ca;
  return { url: selected.url, name, caFile: ca === undefined ? undefined : resolve(ca) };
}

/** A profile's name is fine too; anything else must be a URL. */
const parseOrName = (given: string, profiles: Readonly<Record<string, unknown>>): string =>
  Object.hasOwn(profiles, given) ? given : parseGatewayUrl(given).origin;

function report(
  { identity, tokens, where }: SignedIn,
  url: URL,
  name: string,
  context: CommandContext,
): void {
  const { out, env } = context;
  if (out.json) {
    out.value({
      profile: name,
      gateway: url.origin,
      ...identity,
      renews: tokens.refresh_token !== undefined,
    });
    return;
  }
  const { style } = out;
  const groups = identity.groups.length > 0 ? identity.groups.join(', ') : 'no groups';
  out.note(`${style.good('✔')} Signed in to ${url.host} as ${style.strong(identity.name)} (${groups})`);
  if (tokens.refresh_token === undefined) {
    out.note('The identity provider gave no refresh token: sign in again when this one ends.');
  }
  const machine = ['GW_TOKEN', 'GW_TOKEN_FILE', 'GW_CLIENT_ID'].find((variable) => env[variable]);
  if (machine) out.warn(`${machine} is set and wins over this sign-in (${where}).`);
  out.note(`next: ${style.accent('gw ls')}`);
}
