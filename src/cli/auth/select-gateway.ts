import { GwError } from '../../core/errors.ts';
import { parseGatewayUrl, profileNameFor } from './gateway-url.ts';
import type { Profile, Profiles } from './profiles.ts';

export interface SelectedGateway {
  readonly url: URL;
  /** The profile's name, or the host. */
  readonly name: string;
  /** Undefined when nobody has signed in to it here: a machine, or a URL given for the first time. */
  readonly profile: Profile | undefined;
}

/**
 * The gateway that is meant: a profile by name, a gateway by URL (with its profile, when there is one; of
 * several the one in use), or the one that was signed in to last.
 */
export function selectGateway(given: string | undefined, all: Profiles): SelectedGateway {
  if (given === undefined) return currentGateway(all);
  const named = Object.hasOwn(all.profiles, given) ? all.profiles[given] : undefined;
  if (named) return fromProfile(given, named);
  // A word without a dot or a colon is a misspelt name, not a host.
  if (!/[.:/]/.test(given) && given !== 'localhost') {
    const names = Object.keys(all.profiles);
    throw new GwError('not_found', `There is no profile "${given}".`, {
      detail: names.length > 0 ? `There are ${names.join(', ')}.` : 'There is none yet.',
      hint: 'gw login https://gw.example.com --profile NAME',
    });
  }
  const url = parseGatewayUrl(given);
  const same = Object.entries(all.profiles).filter(
    ([, profile]) => new URL(profile.gateway).origin === url.origin,
  );
  const found = same.find(([name]) => name === all.current) ?? same[0];
  return found ? fromProfile(...found) : { url, name: profileNameFor(url), profile: undefined };
}

function currentGateway(all: Profiles): SelectedGateway {
  const names = Object.keys(all.profiles);
  const name = all.current ?? (names.length === 1 ? names[0] : undefined);
  const profile = name === undefined ? undefined : all.profiles[name];
  if (name !== undefined && profile) return fromProfile(name, profile);
  if (names.length > 0) {
    throw new GwError('usage', 'There are several gateways; say which.', {
      detail: `Profiles: ${names.join(', ')}.`,
      hint: `--gateway ${names[0]} (or GW_GATEWAY=${names[0]})`,
    });
  }
  throw new GwError('not_signed_in', 'You are not signed in to a gateway.', {
    hint: 'gw login https://gw.example.com (a job without a person sets GW_GATEWAY instead)',
  });
}

const fromProfile = (name: string, profile: Profile): SelectedGateway => ({
  url: new URL(profile.gateway),
  name,
  profile,
});
