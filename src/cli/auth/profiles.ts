/**
 * The gateways a person has signed in to, in `profiles.json`. No secret is in it. Every change is made
 * under a lock on the newest text, so that two gw processes do not undo each other.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { SignInSchema } from '../../contract/api.ts';
import { GwError } from '../../core/errors.ts';
import { readPrivate, writePrivate } from './files.ts';
import { parseGatewayUrl } from './gateway-url.ts';
import { withLock } from './lock.ts';
import type { Paths } from './paths.ts';
import type { Place } from './secret-store.ts';

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/;

const ProfileSchema = z.strictObject({
  /** Base URL of the gateway. */
  gateway: z.string().refine(isGatewayUrl, 'not the URL of a gateway'),
  /** How this profile signs in, as the gateway published it at the time. */
  sign_in: SignInSchema,
  /** Who signed in, for display. */
  identity: z.strictObject({ name: z.string(), email: z.string().optional() }).optional(),
  signed_in_at: z.iso.datetime().optional(),
  /** Where its tokens are. */
  credentials: z.enum(['keyring', 'file']),
  /** More roots: a file of the user's, and whether those of Node and the system are needed too. */
  tls: z.strictObject({ ca: z.string().optional(), system: z.boolean().optional() }).optional(),
});

function isGatewayUrl(text: string): boolean {
  try {
    return URL.canParse(text) && parseGatewayUrl(text).origin === new URL(text).origin;
  } catch {
    return false;
  }
}

export type Profile = z.infer<typeof ProfileSchema>;

const ProfilesSchema = z.strictObject({
  version: z.literal(1),
  current: z.string().optional(),
  profiles: z.record(z.string().regex(NAME), ProfileSchema),
});
export type Profiles = z.infer<typeof ProfilesSchema>;

const NONE: Profiles = { version: 1, profiles: {} };

export const profilesPath = (paths: Paths): string => join(paths.config, 'profiles.json');

/** All profiles; none when there is no file. Throws `configuration` when it is damaged. */
export async function readProfiles(paths: Paths): Promise<Profiles> {
  const path = profilesPath(paths);
  const text = await readPrivate(path);
  return text === undefined ? NONE : parseProfiles(text, path);
}

export function parseProfiles(text: string, path: string): Profiles {
  const damaged = (detail: string, cause?: unknown): GwError =>
    new GwError('configuration', `${path} is damaged.`, {
      detail,
      hint: `Mend it, or remove it and sign in again: rm '${path}' && gw login URL`,
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged('It is not JSON.', error);
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > 1) {
    throw new GwError('configuration', `${path} was written by a newer gw (format ${version}).`, {
      hint: 'Update gw, or set GW_CONFIG_HOME to another folder for this one.',
    });
  }
  const result = ProfilesSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw damaged(`${issue.path.join('.') || 'the whole'}: ${issue.message}`, result.error);
}

/** Changes the file under its lock. @returns what was written. */
export async function updateProfiles(
  paths: Paths,
  change: (profiles: Profiles) => Profiles,
): Promise<Profiles> {
  const path = profilesPath(paths);
  return withLock(join(paths.state, 'profiles.lock'), async () => {
    const next = change(await readProfiles(paths));
    await writePrivate(path, `${JSON.stringify(ProfilesSchema.parse(next), undefined, 2)}\n`);
    return next;
  });
}

/** Adds or replaces a profile and makes it the one that is used. */
export function saveProfile(paths: Paths, name: string, profile: Profile): Promise<Profiles> {
  checkProfileName(name);
  return updateProfiles(paths, (all) => ({
    ...all,
    current: name,
    profiles: { ...all.profiles, [name]: profile },
  }));
}

/** Notes that the tokens of a profile are now somewhere else. */
export function rememberPlace(paths: Paths, name: string, credentials: Place): Promise<Profiles> {
  return updateProfiles(paths, (all) => {
    const profile = all.profiles[name];
    return profile ? { ...all, profiles: { ...all.profiles, [name]: { ...profile, credentials } } } : all;
  });
}

/** Forgets a profile; another one becomes the one that is used when only one is left. */
export function removeProfile(paths: Paths, name: string): Promise<Profiles> {
  return updateProfiles(paths, (all) => {
    const profiles = Object.fromEntries(Object.entries(all.profiles).filter(([key]) => key !== name));
    const left = Object.keys(profiles);
    const current = all.current === name ? (left.length === 1 ? left[0] : undefined) : all.current;
    return { version: 1, profiles, ...(current === undefined ? {} : { current }) };
  });
}

export function checkProfileName(name: string): void {
  if (NAME.test(name)) return;
  throw new GwError('usage', `"${name}" cannot be the name of a profile.`, {
    hint: 'Use up to 100 letters, digits, dots, dashes and underscores.',
  });
}
