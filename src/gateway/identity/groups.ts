import { LIMITS } from '../../core/limits.ts';
import type { IdentityProviderConfig, MatchRule } from '../config/types.ts';
import { type ClaimPath, claimAt, pathName } from './claim-paths.ts';
import { matchesGlob } from './glob.ts';
import type { Claims } from './identity.ts';
import { shown, TokenRefused } from './refusal.ts';

/**
 * Groups of an identity: those its token names, and those of every match rule it meets. A provider with
 * match rules refuses a token that meets none of them.
 */
export function groupsOf(provider: IdentityProviderConfig, claims: Claims): string[] {
  const claimed = provider.groupsClaim === undefined ? [] : claimedGroups(provider.groupsClaim, claims);
  const matched = provider.match.filter((rule) => meets(rule, claims));
  if (provider.match.length > 0 && matched.length === 0) throw noMatch(provider, claims);
  const groups = [...new Set([...claimed, ...matched.flatMap((rule) => rule.groups)])];
  if (groups.length > LIMITS.groups) {
    throw new TokenRefused(
      'too_many_groups',
      `It holds ${groups.length} groups; at most ${LIMITS.groups} are accepted.`,
      'Have the identity provider send only the groups that matter to the gateway.',
    );
  }
  return groups;
}

function meets(rule: MatchRule, claims: Claims): boolean {
  const conditions = Object.entries(rule.claims);
  return conditions.length > 0 && conditions.every(([name, wanted]) => isMet(wanted, claimAt(claims, name)));
}

/** Text, numbers and booleans can match, by their text; lists and objects never do. */
function isMet(wanted: string | { readonly glob: string }, found: unknown): boolean {
  if (typeof found !== 'string' && typeof found !== 'number' && typeof found !== 'boolean') return false;
  const text = String(found);
  return typeof wanted === 'string' ? text === wanted : matchesGlob(wanted.glob, text);
}

function noMatch(provider: IdentityProviderConfig, claims: Claims): TokenRefused {
  const wanted = [...new Set(provider.match.flatMap((rule) => Object.keys(rule.claims)))];
  const missing = wanted.filter((name) => claimAt(claims, name) === undefined);
  const seen = Object.keys(claims).slice(0, 60);
  return new TokenRefused(
    'no_match',
    `The rules of "${provider.name}" look at ${wanted.map(shown).join(', ')}; ` +
      `the token has the claims ${seen.map(shown).join(', ')}` +
      `${missing.length > 0 ? ` and lacks ${missing.map(shown).join(', ')}` : ', with other values'}.`,
    `Compare the job's claims with identity_providers / ${provider.name} / match in the gateway's configuration.`,
  );
}

/** A list of names, or one text with names separated by spaces. */
function claimedGroups(path: ClaimPath, claims: Claims): string[] {
  const value = claimAt(claims, path);
  if (value === undefined || value === null) {
    refuseOverage(path, claims);
    return [];
  }
  const list: unknown[] = typeof value === 'string' ? value.split(' ').filter((part) => part !== '') : [];
  if (Array.isArray(value)) list.push(...value.slice(0, LIMITS.groups + 1));
  else if (typeof value !== 'string') throw notGroups(path, value);
  for (const group of list) if (!isGroup(group)) throw notGroups(path, group);
  return list as string[];
}

const isGroup = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 512 && /^[^\u0000-\u001f\u007f]+$/.test(value);

function notGroups(path: ClaimPath, value: unknown): TokenRefused {
  return new TokenRefused(
    'malformed',
    `Its claim ${shown(pathName(path))} is no list of group names; it holds ${shown(value)}.`,
    'Set groups_claim of the identity provider to the claim that lists the groups.',
  );
}

/**
 * With more than 200 groups Entra leaves them out and points at its Graph API instead (`_claim_names`, or
 * `hasgroups`). Taking that for "no groups" would puzzle whoever has the most of them.
 */
function refuseOverage(path: ClaimPath, claims: Claims): void {
  const elsewhere = claims._claim_names;
  const first = typeof path === 'string' ? path : path[0]!;
  const named = typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, first);
  const hinted = first === 'groups' && (claims.hasgroups === true || claims.hasgroups === 'true');
  if (!named && !hinted) return;
  throw new TokenRefused(
    'groups_overage',
    `There are too many for its claim ${shown(first)}, so the identity provider left them out.`,
    'In Entra ID choose "Groups assigned to the application", or use app roles with groups_claim: roles.',
  );
}
