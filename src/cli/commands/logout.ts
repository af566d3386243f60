import { openHttp } from '../auth/open-gateway.ts';
import { readProfiles } from '../auth/profiles.ts';
import { selectGateway } from '../auth/select-gateway.ts';
import { signOut } from '../auth/sign-out.ts';
import type { CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';

export const logout: CommandSpec = {
  name: 'logout',
  summary: 'Sign out of a gateway',
  examples: [
    ['gw logout', 'of the gateway used last'],
    ['gw logout eu', 'of another one'],
    ['gw logout --all', 'of all of them'],
  ],
  args: [{ name: 'GATEWAY', summary: 'Profile or URL', completes: 'gateway' }],
  options: [{ flags: '--all', summary: 'Every gateway', env: 'GW_LOGOUT_ALL' }, JSON_OPTION],
  description:
    'The refresh token is revoked at the identity provider, where it can be reached, and the tokens are removed\n' +
    'from this machine. Open sessions end when their session grant does.',
  async run({ args, options }, context) {
    const { out, paths, env, prompts } = context;
    const names = await whichOnes(args[0], options.all === true, context);
    const done: { profile: string; revoked: boolean }[] = [];
    const { profiles } = await readProfiles(paths);
    const setting = await context.network();
    for (const name of names) {
      const profile = profiles[name]!;
      const http = await openHttp(
        { gateway: new URL(profile.gateway), caFile: context.selection.ca ?? profile.tls?.ca },
        setting,
      );
      const store = { env, paths, canPrompt: prompts.canPrompt, note: out.notice };
      const { revoked, left } = await signOut(name, profile, http, store).finally(() => http.close());
      if (left !== undefined) {
        out.warn(`The tokens of ${name} could not be removed from the ${profile.credentials}.`);
      }
      done.push({ profile: name, revoked });
      const rest = revoked ? '' : '; the identity provider was not told, its session may go on';
      out.note(`${out.style.good('✔')} Signed out of ${name}${rest}`);
    }
    if (out.json) out.value(done);
    else if (done.length === 0) out.note('You were not signed in.');
    return 0;
  },
};

async function whichOnes(
  given: string | undefined,
  all: boolean,
  context: CommandContext,
): Promise<string[]> {
  const known = await readProfiles(context.paths);
  if (all || Object.keys(known.profiles).length === 0) return Object.keys(known.profiles);
  const { name, profile } = selectGateway(given ?? context.selection.gateway, known);
  return profile ? [name] : [];
}
