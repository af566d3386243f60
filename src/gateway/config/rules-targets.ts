import type { FileTarget } from './file-schema.ts';
import { entries, items, type Loose } from './loose.ts';
import { readNamedIdentity } from './named-identity.ts';
import type { Finding, Path } from './problems.ts';
import { between, type RuleInput } from './rule-input.ts';
import { NAME, NAME_HINT } from './schema-parts.ts';
import { suggest } from './suggest.ts';

export function* targetRules({ file, given }: RuleInput): Generator<Finding> {
  const providers = items(file.identity_providers).map(([, provider]) => provider);
  const names = providers.flatMap(({ name }) => name ?? []);
  const humans = providers.flatMap(({ name, kind }) => (kind === 'human' && name !== undefined ? name : []));
  for (const [name, target] of entries(file.targets)) {
    const path = ['targets', name];
    if (!NAME.test(name)) yield { path, atKey: true, message: 'is not a name', hint: NAME_HINT };
    yield* databases(target, path);
    yield* tls(target.tls, [...path, 'tls'], given);
    const password = target.login?.password;
    if (password && 'command' in password && password.ttl !== undefined) {
      yield* between(password.ttl, [...path, 'login', 'password', 'ttl'], '1s', '24h');
    }
    yield* connect(target.connect, [...path, 'connect'], { names, humans, given });
  }
}

function* databases(target: Loose<FileTarget>, path: Path): Generator<Finding> {
  const listed = items(target.databases);
  const seen = new Set<string>();
  for (const [index, database] of listed) {
    if (seen.has(database)) yield { path: [...path, 'databases', index], message: 'stands here twice' };
    seen.add(database);
  }
  if (listed.length > 0 && target.database !== undefined && listed.every(([, d]) => d === target.database)) {
    yield {
      path: [...path, 'databases'],
      message: 'would do nothing: it lists only the default database',
      hint: 'Remove it, or add what else may be asked for.',
    };
  }
}

function* tls(settings: Loose<FileTarget>['tls'], path: Path, given: RuleInput['given']): Generator<Finding> {
  if (settings === undefined) return;
  const { mode } = settings;
  const has = (key: string) => given([...path, key]);
  const verifies = mode === undefined || mode.startsWith('verify-') || !has('mode');
  if (has('ca') && !verifies) {
    yield {
      path: [...path, 'ca'],
      atKey: true,
      message: `would do nothing: mode ${mode} checks no certificate`,
      hint: 'Use mode verify-full.',
    };
  }
  if (mode === 'verify-ca' && !has('ca')) {
    yield {
      path: [...path, 'mode'],
      message: 'verify-ca needs "ca"',
      hint: 'Without it any certificate of any public authority would pass. Use verify-full, or name the authority.',
    };
  }
  for (const [key, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (!has(key)) continue;
    const at = { path: [...path, key], atKey: true };
    if (mode === 'disable') yield { ...at, message: 'would do nothing: mode is disable' };
    else if (!has(other)) yield { ...at, message: `needs "${other}" beside it` };
  }
}

interface Names {
  readonly names: readonly string[];
  readonly humans: readonly string[];
  readonly given: RuleInput['given'];
}

function* connect(
  settings: Loose<FileTarget>['connect'],
  path: Path,
  { names, humans, given }: Names,
): Generator<Finding> {
  if (settings === undefined) return;
  if (!given([...path, 'groups']) && !given([...path, 'identities'])) {
    yield { path, message: 'names nobody, so nobody could connect', hint: 'Add "groups" or "identities".' };
  }
  for (const [index, text] of items(settings.identities)) {
    const at = { path: [...path, 'identities', index] };
    const { provider, name } = readNamedIdentity(text);
    if (provider === undefined) {
      if (!name.includes('@')) {
        yield {
          ...at,
          message: 'is not an e-mail address',
          hint: `Write an address, or <provider>/<subject>, e.g. ${names[0] ?? 'corp'}/${name}.`,
        };
      } else if (humans.length !== 1) {
        yield {
          ...at,
          message: `does not say whose address it is: there are ${humans.length} providers of kind human`,
          hint: `Write ${humans[0] ?? '<provider>'}/${name}.`,
        };
      }
    } else if (!names.includes(provider)) {
      const close = suggest(provider, names);
      yield {
        ...at,
        message: `there is no identity provider "${provider}"`,
        hint: close === undefined ? undefined : `Did you mean "${close}/${name}"?`,
      };
    }
  }
}
