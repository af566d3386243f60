import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Discovery, ROUTES, type SignIn, type Target } from '../../../../src/contract/api.ts';
import type { KeyPair } from '../../../../src/demo/certificates.ts';

/** The gateway's API as the contract has it, and nothing behind it. Tokens are JWTs that are read, not verified. */
export interface FakeGateway {
  readonly url: string;
  /** `METHOD path` of every request. */
  readonly requests: string[];
  /** Bearer tokens in the order they came. */
  readonly tokens: string[];
  /** Tokens that are answered with 401 from now on. */
  readonly rejected: Set<string>;
  discovery: Discovery;
  targets: Target[];
  /** Answers instead of the usual ones, by path. */
  readonly answers: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  stop(): Promise<void>;
}

export const TARGETS: Target[] = [
  {
    name: 'prod-db',
    description: 'The shop',
    database: 'shop',
    databases: ['shop', 'reporting'],
    because: 'group engineers',
  },
  { name: 'stage-db', database: 'shop', databases: ['shop'], because: 'group engineers' },
];

export async function startFakeGateway(certs: KeyPair, signIn: SignIn[]): Promise<FakeGateway> {
  const server = createServer(certs, (request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway: FakeGateway = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    tokens: [],
    rejected: new Set(),
    discovery: {
      gateway: 'fake',
      version: '0.1.0',
      api_versions: [1],
      time: new Date().toISOString(),
      sign_in: signIn,
      machine_audience: 'gw',
    },
    targets: TARGETS,
    answers: new Map(),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = new URL(request.url ?? '/', gateway.url).pathname;
    gateway.requests.push(`${request.method} ${path}`);
    const own = gateway.answers.get(path);
    if (own) own(request, response);
    else answer(gateway, path, request, response);
  };
  return gateway;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function answer(
  gateway: FakeGateway,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (path === ROUTES.discovery) {
    sendJson(response, 200, { ...gateway.discovery, time: new Date().toISOString() });
    return;
  }
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  gateway.tokens.push(token);
  const claims = claimsOf(token);
  if (claims === undefined || gateway.rejected.has(token)) {
    sendJson(response, 401, { error: { code: 'not_signed_in', message: 'The token is not valid.' } });
    return;
  }
  switch (path) {
    case ROUTES.whoami:
      sendJson(response, 200, whoami(claims));
      break;
    case ROUTES.targets:
      sendJson(response, 200, { targets: gateway.targets });
      break;
    case ROUTES.status:
      sendJson(response, 200, {
        gateway: 'fake',
        version: '0.1.0',
        time: new Date().toISOString(),
        uptime_ms: 3_600_000,
        sessions: [],
      });
      break;
    default:
      sendJson(response, 404, { error: { code: 'not_found', message: 'No such route.' } });
  }
}

interface Claims {
  readonly sub?: string;
  readonly iss?: string;
  readonly exp?: number;
  readonly email?: string;
  readonly groups?: string[];
}

function whoami(claims: Claims) {
  return {
    subject: claims.sub ?? 'robot',
    issuer: claims.iss ?? 'https://id.example.com',
    provider: 'corp',
    kind: claims.email ? 'human' : 'machine',
    name: claims.email ?? claims.sub ?? 'robot',
    ...(claims.email ? { email: claims.email } : {}),
    groups: claims.groups ?? [],
    token_expires_at: new Date((claims.exp ?? 4_000_000_000) * 1_000).toISOString(),
  };
}

function claimsOf(token: string): Claims | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;
    return (claims.exp ?? Number.POSITIVE_INFINITY) * 1_000 > Date.now() ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** An unsigned JWT: enough for the fake gateway and for reading lifetimes. */
export function unsignedToken(claims: Claims & { readonly iat?: number }): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.x`;
}
