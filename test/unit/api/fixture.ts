import type { Discovery, SessionGrant, Status, Target } from '../../../src/contract/api.ts';
import { GwError } from '../../../src/core/errors.ts';
import type { ApiDeps, ApiRequest } from '../../../src/gateway/api/types.ts';
import type { Identity } from '../../../src/gateway/identity/identity.ts';

export const TIME = '2025-01-31T10:00:00.000Z';
export const ALICE: Identity = {
  id: 'https://id.example.com|alice',
  subject: 'alice',
  issuer: 'https://id.example.com',
  provider: 'corp',
  kind: 'human',
  name: 'Alice',
  email: 'alice@example.com',
  groups: ['engineers'],
  tokenExpiresAtMs: Date.parse(TIME),
};

const DISCOVERY: Discovery = {
  gateway: 'gw1',
  version: '1.0.0',
  api_versions: [1],
  time: TIME,
  machine_audience: 'gw',
  sign_in: [
    {
      name: 'corp',
      issuer: 'https://id.example.com',
      client_id: 'gw-cli',
      scopes: ['openid'],
      token: 'access',
    },
  ],
};
const TARGET: Target = {
  name: 'prod-db',
  description: 'The shop',
  database: 'shop',
  databases: ['shop', 'reporting'],
  because: 'group engineers',
};
const GRANT: SessionGrant = {
  id: 'g1',
  token: 'gwg_x',
  target: 'prod-db',
  database: 'shop',
  user: 'alice@example.com',
  issued_at: TIME,
  expires_at: TIME,
  ends_at: TIME,
};
const STATUS: Status = {
  gateway: 'gw1',
  version: '1.0.0',
  time: TIME,
  uptime_ms: 5,
  sessions: [
    { id: 's1', target: 'prod-db', database: 'shop', started_at: TIME, ends_at: TIME, client: 'tunnel psql' },
  ],
};

export interface Fixture extends ApiDeps {
  nowMs: number;
  isReady: boolean;
  readonly refusals: string[];
  readonly failures: string[];
}

/** A gateway in which the token `alice` is Alice's, `broken` meets a bug and `late` an unreachable provider. */
export function fixture(overrides: Partial<ApiDeps> = {}): Fixture {
  const deps: Fixture = {
    nowMs: Date.parse(TIME),
    isReady: true,
    refusals: [],
    failures: [],
    discovery: () => DISCOVERY,
    authenticate: async (token) => {
      if (token === 'alice') return ALICE;
      if (token === 'broken') throw new Error('SELECT secret');
      if (token === 'late') throw new GwError('identity_provider_unreachable', 'corp does not answer.');
      throw new GwError('not_signed_in', 'The token "x" has expired.\u0007', { hint: 'gw login' });
    },
    targetsFor: () => [TARGET],
    issueSessionGrant: async (_, target) => {
      if (target !== 'prod-db')
        throw new GwError('unknown_target', `There is no target "${target}" for you.`);
      return GRANT;
    },
    status: () => STATUS,
    readiness: () => ({ ready: deps.isReady, checks: { journal: { ok: deps.isReady, message: 'disk' } } }),
    refused: (error, remote, route) => deps.refusals.push(`${error.code} ${remote} ${route}`),
    failed: (error, route) => deps.failures.push(`${error.code} ${route}`),
    now: () => deps.nowMs,
    ...overrides,
  };
  return deps;
}

export function request(method: string, path: string, more: Partial<ApiRequest> = {}): ApiRequest {
  return { method, path, headers: {}, body: Buffer.alloc(0), remoteAddress: '10.0.0.1', ...more };
}

export const bearer = (token: string): { authorization: string[] } => ({
  authorization: [`Bearer ${token}`],
});
