import { DEFAULTS } from './defaults.ts';
import type { FileProvider } from './file-schema.ts';
import { entries, items, type Loose } from './loose.ts';
import type { Finding, Path } from './problems.ts';
import { between, type RuleInput } from './rule-input.ts';
import { isLoopback } from './schema-parts.ts';
import { pinsOwner, sharedIssuer } from './shared-issuers.ts';

type Provider = Loose<FileProvider>;
type Given = (key: string) => boolean;

export function* providerRules({ file, given }: RuleInput): Generator<Finding> {
  const providers = items(file.identity_providers);
  for (const [index, provider] of providers) {
    const path = ['identity_providers', index];
    const has: Given = (key) => given([...path, key]);
    yield* issuer(provider, path, has);
    yield* tokens(provider, path, has);
    yield* machines(provider, path, has);
    yield* matches(provider, path);
    yield* signIn(provider, path, given);
    yield* between(provider.clock_skew, [...path, 'clock_skew'], '0s', '5m');
    const earlier = providers.filter(([other]) => other < index).map(([, other]) => other);
    yield* shadowed(provider, path, earlier);
  }
}

function* issuer(provider: Provider, path: Path, has: Given): Generator<Finding> {
  if (provider.issuer === undefined || !URL.canParse(provider.issuer)) return;
  const url = new URL(provider.issuer);
  if (url.search !== '' || url.hash !== '') {
    yield { path: [...path, 'issuer'], message: 'must have no query and no fragment' };
  }
  if (url.protocol === 'http:' && isLoopback(url.hostname) && has('ca')) {
    yield nothing([...path, 'ca'], 'the issuer is reached without TLS');
  }
}

function* tokens(provider: Provider, path: Path, has: Given): Generator<Finding> {
  const kind = provider.token ?? DEFAULTS.token;
  if (kind !== 'introspection') {
    if (has('introspection') && (provider.token !== undefined || !has('token'))) {
      yield nothing([...path, 'introspection'], `token is ${kind}`, 'Set "token: introspection" to use it.');
    }
    return;
  }
  if (!has('introspection')) {
    yield {
      path: [...path, 'token'],
      message: 'introspection needs the settings "introspection"',
      hint: 'Add introspection: { client_id: …, client_secret: { env: … } }.',
    };
  }
  for (const key of ['algorithms', 'jwks_uri']) {
    if (has(key)) yield nothing([...path, key], 'token is introspection, so no signature is checked here');
  }
  if (has('discovery_token') && provider.introspection?.endpoint !== undefined) {
    yield nothing(
      [...path, 'discovery_token'],
      'the introspection endpoint is given, so nothing is discovered',
    );
  }
}

function* machines(provider: Provider, path: Path, has: Given): Generator<Finding> {
  if (provider.kind === 'machine' && has('sign_in')) {
    yield nothing([...path, 'sign_in'], 'machines do not sign in on a screen');
  }
  if (provider.kind === 'machine' && !has('match')) {
    yield {
      path,
      message: 'a provider of kind machine needs "match"',
      hint: 'Say which claims a job must have, e.g. match: [{ claims: { sub: … }, groups: [ci] }].',
    };
  }
}

function* matches(provider: Provider, path: Path): Generator<Finding> {
  const shared = provider.issuer === undefined ? undefined : sharedIssuer(provider.issuer);
  for (const [index, rule] of items(provider.match)) {
    const at: Path = [...path, 'match', index, 'claims'];
    const claims = entries(rule.claims);
    for (const [claim, value] of claims) {
      const glob = typeof value === 'string' ? undefined : value.glob;
      if (glob !== undefined && !glob.includes('*')) {
        yield { path: [...at, claim], message: 'is a pattern without *', hint: 'Write it as plain text.' };
      }
    }
    const anything = claims.every(([, value]) => typeof value !== 'string' && /^\**$/.test(value.glob ?? ''));
    if (claims.length > 0 && anything) {
      yield { path: at, atKey: true, message: 'would match any token that has these claims' };
    } else if (shared !== undefined && claims.length > 0 && !pinsOwner(shared, claims)) {
      yield {
        path: at,
        atKey: true,
        message: `would match jobs of strangers: everyone at ${shared.name} gets tokens of this issuer`,
        hint: `Add one of ${shared.claims.join(', ')}, exact or as a pattern like { glob: ${shared.example} }.`,
      };
    }
  }
}

function* signIn(provider: Provider, path: Path, given: RuleInput['given']): Generator<Finding> {
  const settings = provider.sign_in;
  if (settings === undefined) return;
  const at: Path = [...path, 'sign_in'];
  const has: Given = (key) => given([...at, key]);
  const isId = provider.token === 'id';
  const wanted = isId ? 'id' : 'access';
  if (settings.token !== undefined && settings.token !== wanted) {
    yield {
      path: [...at, 'token'],
      message: `the tokens would be refused: "token" of this provider asks for ${wanted} tokens`,
      hint: isId ? 'Remove it.' : 'Set "token: id" at the provider to accept ID tokens.',
    };
  }
  if (!isId) return;
  if (settings.scopes !== undefined && !settings.scopes.includes('openid')) {
    yield { path: [...at, 'scopes'], message: 'must hold openid, or there is no ID token' };
  }
  for (const key of ['resource', 'audience']) {
    if (has(key)) yield nothing([...at, key], 'it has no effect on ID tokens');
  }
  if (settings.client_id !== undefined && provider.audience?.includes(settings.client_id) === false) {
    yield {
      path: [...path, 'audience'],
      message: 'must list the client_id of sign_in, which is the audience of its ID tokens',
      hint: `Add ${settings.client_id}.`,
    };
  }
}

/** Two providers may share an issuer; the first whose conditions a token meets is taken. */
function* shadowed(provider: Provider, path: Path, earlier: readonly Provider[]): Generator<Finding> {
  const { name } = provider;
  if (name !== undefined && earlier.some((other) => other.name === name)) {
    yield { path: [...path, 'name'], message: 'another identity provider has this name already' };
  }
  const wide = earlier.find(
    (other) =>
      other.issuer === provider.issuer &&
      other.issuer !== undefined &&
      (other.token ?? DEFAULTS.token) === (provider.token ?? DEFAULTS.token) &&
      other.match === undefined &&
      other.kind === 'human' &&
      provider.audience?.every((audience) => other.audience?.includes(audience)) === true,
  );
  if (wide !== undefined) {
    yield {
      path: [...path, 'issuer'],
      message: `would never be used: "${wide.name ?? 'another provider'}" has the same issuer and audience and takes every token`,
      hint: 'Put this provider before it, or give the other one a "match" or another audience.',
    };
  }
}

function nothing(path: Path, why: string, hint?: string): Finding {
  return { path, atKey: true, message: `would do nothing: ${why}`, hint };
}
