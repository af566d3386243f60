import { formatDuration, parseDuration } from '../../core/units.ts';
import { DEFAULTS } from './defaults.ts';
import type { FileConfig } from './file-schema.ts';
import type { Loose } from './loose.ts';
import type { Finding, Path } from './problems.ts';
import { between, type RuleInput } from './rule-input.ts';
import { providerRules } from './rules-providers.ts';
import { targetRules } from './rules-targets.ts';
import { parseHostPort } from './schema-parts.ts';

/**
 * Conditions between settings. The common one: a setting that would do nothing is refused, because whoever
 * wrote it believes that it does something.
 */

export function checkRules(input: RuleInput): Finding[] {
  return [...generalRules(input.file), ...providerRules(input), ...targetRules(input)];
}

/** At most a day: a session grant is the short-lived credential. */
const MAX_TTL = '24h';
const MAX_SESSION_LIMIT = '7d';
const MAX_DRAIN = '1h';

function* generalRules(file: Loose<FileConfig>): Generator<Finding> {
  yield* publicUrl(file.public_url);
  const listen = file.listen === undefined ? undefined : parseHostPort(file.listen);
  const admin = file.admin?.listen === undefined ? undefined : parseHostPort(file.admin.listen);
  if (listen && admin && listen.port !== 0 && listen.port === admin.port && listen.host === admin.host) {
    yield { path: ['admin', 'listen'], message: 'is the same address as "listen"' };
  }
  yield* sessionGrants(file.session_grants);
  yield* between(file.drain, ['drain'], '0s', MAX_DRAIN);
  const { sessions = DEFAULTS.sessions, sessions_per_identity: each } = file.limits ?? {};
  if (each !== undefined && each > sessions) {
    yield {
      path: ['limits', 'sessions_per_identity'],
      message: `would do nothing: "sessions" stops at ${sessions} already`,
    };
  }
}

function* publicUrl(value: string | undefined): Generator<Finding> {
  if (value === undefined || !URL.canParse(value)) return;
  const url = new URL(value);
  const path: Path = ['public_url'];
  if (url.protocol !== 'https:') yield { path, message: 'must begin with https://' };
  else if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    yield { path, message: 'must not have a path', hint: `Write ${url.origin}.` };
  }
}

function* sessionGrants(grants: Loose<FileConfig>['session_grants']): Generator<Finding> {
  yield* between(grants?.ttl, ['session_grants', 'ttl'], '1s', MAX_TTL);
  yield* between(grants?.session_limit, ['session_grants', 'session_limit'], '1s', MAX_SESSION_LIMIT);
  const ttlMs = grants?.ttl === undefined ? DEFAULTS.ttlMs : parseDuration(grants.ttl);
  const limitMs =
    grants?.session_limit === undefined ? DEFAULTS.sessionLimitMs : parseDuration(grants.session_limit);
  if (limitMs >= ttlMs || grants === undefined) return;
  const setting = grants.session_limit === undefined ? 'ttl' : 'session_limit';
  const [ttl, limit] = [formatDuration(ttlMs), formatDuration(limitMs)];
  yield {
    path: ['session_grants', setting],
    message: `session_limit (${limit}) is shorter than ttl (${ttl}), so part of ttl would do nothing`,
  };
}
