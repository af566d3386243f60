import { API_VERSION, ROUTES, SessionGrantRequestSchema } from '../../contract/api.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Identity } from '../identity/identity.ts';
import { bearerToken, challenge } from './bearer.ts';
import { readJson } from './json-body.ts';
import { negotiate } from './negotiation.ts';
import { addressKey, RateLimiter } from './rate-limit.ts';
import { errorResponse, jsonResponse } from './responses.ts';
import type { ApiDeps, ApiRequest, ApiResponse, Call } from './types.ts';

/**
 * The HTTP API of contract/api.ts, whatever carries it. Each request goes one way:
 *
 *   route → method → rate of the address → version → rate of its refused credentials → token → identity
 *     → rate of the identity → handler
 *
 * What costs least refuses first. Health answers without any of it, as balancers ask often and know nothing;
 * discovery whatever version is asked for, as it says which ones there are.
 */
export interface Api {
  /** Never rejects. */
  handle(request: ApiRequest): Promise<ApiResponse>;
}

interface Route {
  readonly methods: readonly string[];
  /** Anyone may ask, at any rate. */
  readonly free?: (deps: ApiDeps) => ApiResponse | Promise<ApiResponse>;
  /** Anyone may ask. */
  readonly open?: (deps: ApiDeps) => ApiResponse | Promise<ApiResponse>;
  /** Who asks must be known. */
  readonly call?: (deps: ApiDeps, call: Call) => ApiResponse | Promise<ApiResponse>;
}

const READ = ['GET', 'HEAD'] as const;

const TABLE = new Map<string, Route>([
  [ROUTES.live, { methods: READ, free: () => jsonResponse(200, { status: 'ok' }) }],
  [ROUTES.ready, { methods: READ, free: ready }],
  [ROUTES.discovery, { methods: READ, open: (deps) => jsonResponse(200, deps.discovery()) }],
  [ROUTES.whoami, { methods: READ, call: (_, { identity }) => jsonResponse(200, whoami(identity)) }],
  [ROUTES.targets, { methods: READ, call: (deps, { identity }) => targets(deps, identity) }],
  [ROUTES.status, { methods: READ, call: (deps, { identity }) => jsonResponse(200, deps.status(identity)) }],
  [ROUTES.sessionGrants, { methods: ['POST'], call: issue }],
]);

export function createApi(deps: ApiDeps): Api {
  const addresses = new RateLimiter(LIMITS.apiAddressRate);
  const identities = new RateLimiter(LIMITS.apiIdentityRate);
  const refusals = new RateLimiter(LIMITS.apiRefusedRate);

  async function answer(request: ApiRequest, path: string): Promise<ApiResponse> {
    const route = routeOf(path);
    if (!route.methods.includes(request.method)) return wrongMethod(request.method, route);
    if (route.free !== undefined) return route.free(deps);
    const address = addressKey(request.remoteAddress);
    mustBeWithin(addresses.take(address, deps.now()));
    if (route.open !== undefined) return route.open(deps);
    negotiate(request.headers);
    const identity = await identify(request, path, address);
    if (identity instanceof GwError) return unauthorised(identity, request);
    mustBeWithin(identities.take(identity.id, deps.now()));
    return route.call!(deps, { request, identity });
  }

  /** Who asks, or why that is not known; what is not about the credential is thrown. */
  async function identify(request: ApiRequest, path: string, address: string): Promise<Identity | GwError> {
    const presented = request.headers.authorization !== undefined;
    if (presented) mustBeWithin(refusals.peek(address, deps.now()));
    try {
      return await deps.authenticate(bearerToken(request.headers));
    } catch (thrown) {
      const error = asGwError(thrown);
      if (error.level === 'error') throw error;
      // A provider that is away is not the caller's failure.
      if (presented && error.http < 500) refusals.take(address, deps.now());
      if (presented) deps.refused(error, request.remoteAddress, path);
      if (error.http === 401) return error;
      throw error;
    }
  }

  return {
    async handle(request) {
      const path = request.path.split('?', 1)[0]!;
      const response = await answer(request, path).catch((thrown: unknown) => failure(deps, path, thrown));
      return request.method === 'HEAD' ? withoutBody(response) : response;
    },
  };
}

function routeOf(path: string): Route {
  const route = TABLE.get(path);
  if (route !== undefined) return route;
  throw new GwError('not_found', 'This gateway has nothing at this address.', {
    hint: `It speaks API version ${API_VERSION}; what it offers begins at ${ROUTES.discovery}.`,
  });
}

function failure(deps: ApiDeps, path: string, thrown: unknown): ApiResponse {
  const error = asGwError(thrown);
  if (error.level === 'error') report(deps, error, TABLE.has(path) ? path : 'none');
  if (error.http === 503 || error.http === 429) {
    return errorResponse(error, { 'retry-after': String(retryAfterOf(error)) });
  }
  return errorResponse(error);
}

function report(deps: ApiDeps, error: GwError, route: string): void {
  try {
    deps.failed?.(error, route);
  } catch {
    // The caller gets its answer all the same.
  }
}

class TooFast extends GwError {
  readonly waitMs: number;
  constructor(waitMs: number) {
    super('rate_limited', 'Too many requests in a short time.', {
      hint: `Try again in ${Math.ceil(waitMs / 1_000)} s.`,
    });
    this.waitMs = waitMs;
  }
}

const RETRY_SECONDS = 5;
const retryAfterOf = (error: GwError): number =>
  error instanceof TooFast ? Math.ceil(error.waitMs / 1_000) : RETRY_SECONDS;

function mustBeWithin(waitMs: number): void {
  if (waitMs > 0) throw new TooFast(waitMs);
}

function wrongMethod(method: string, route: Route): ApiResponse {
  const allowed = route.methods.join(', ');
  const known = /^[A-Z]{1,16}$/.test(method) ? method : 'This method';
  const error = new GwError('method_not_allowed', `${known} is not possible here, only ${allowed}.`);
  return errorResponse(error, { allow: allowed });
}

function unauthorised(error: GwError, request: ApiRequest): ApiResponse {
  const presented = request.headers.authorization !== undefined;
  return errorResponse(error, { 'www-authenticate': challenge(error, presented) });
}

const withoutBody = (response: ApiResponse): ApiResponse => ({
  ...response,
  headers: { ...response.headers, 'content-length': String(response.body.length) },
  body: Buffer.alloc(0),
});

/** What is wrong is for the admin listener; here anyone asks. */
async function ready(deps: ApiDeps): Promise<ApiResponse> {
  const { ready, checks } = await deps.readiness();
  const states = Object.entries(checks).map(([name, { ok }]) => [name, { ok }]);
  return jsonResponse(ready ? 200 : 503, { ready, checks: Object.fromEntries(states) });
}

function whoami(identity: Identity): unknown {
  const { subject, issuer, provider, kind, name, email, groups, tokenExpiresAtMs } = identity;
  const token_expires_at = new Date(tokenExpiresAtMs).toISOString();
  return { subject, issuer, provider, kind, name, email, groups, token_expires_at };
}

function targets(deps: ApiDeps, identity: Identity): ApiResponse {
  return jsonResponse(200, { targets: deps.targetsFor(identity) });
}

async function issue(deps: ApiDeps, { request, identity }: Call): Promise<ApiResponse> {
  const { target } = readJson(request, SessionGrantRequestSchema.strict());
  return jsonResponse(201, await deps.issueSessionGrant(identity, target, request.remoteAddress));
}
