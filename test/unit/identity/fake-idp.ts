import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Clock } from '../../../src/core/clock.ts';
import type { IdentityProviderConfig } from '../../../src/gateway/config/types.ts';

/** An identity provider that does what a test says: rotates, fails, stalls, lies. Plain HTTP on loopback. */

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

type CryptoKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export async function testKey(kid: string, alg = 'ES256'): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export class FakeIdp {
  readonly issuer: string;
  /** Keys it publishes. */
  keys: JWK[] = [];
  /** Overrides by path; a path that is not here and not known answers 404. */
  readonly answers = new Map<string, Answer>();
  /** How often each path was asked. */
  readonly hits = new Map<string, number>();
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<FakeIdp> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const idp = new FakeIdp(server);
    server.on('request', (request, response) => idp.#serve(request, response));
    idp.answers.set('/.well-known/openid-configuration', json(idp.metadata()));
    idp.answers.set('/jwks', (_, response) => json({ keys: idp.keys })(_, response, ''));
    return idp;
  }

  metadata(): Record<string, unknown> {
    const { issuer } = this;
    return { issuer, jwks_uri: `${issuer}/jwks`, introspection_endpoint: `${issuer}/introspect` };
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    this.hits.set(path, (this.hits.get(path) ?? 0) + 1);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const answer = this.answers.get(path);
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response, body);
  }
}

export function json(value: unknown, status = 200): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function testClock(startMs = 1_800_000_000_000): TestClock {
  let elapsed = 0;
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    advance: (ms) => {
      elapsed += ms;
    },
  };
}

export function provider(
  issuer: string,
  changes: Partial<IdentityProviderConfig> = {},
): IdentityProviderConfig {
  return {
    name: 'corp',
    issuer,
    audience: ['gw'],
    kind: 'human',
    token: 'jwt',
    algorithms: ['RS256', 'ES256'],
    clockSkewMs: 30_000,
    groupsClaim: 'groups',
    nameClaim: undefined,
    match: [],
    jwksUri: undefined,
    discoveryToken: undefined,
    ca: undefined,
    introspection: undefined,
    signIn: undefined,
    ...changes,
  };
}

export interface TokenOptions {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** A token that is valid for five minutes unless its claims say otherwise; `undefined` removes a claim. */
export async function signToken(
  idp: { readonly issuer: string },
  key: TestKey,
  clock: Clock,
  { claims = {}, header = {} }: TokenOptions = {},
): Promise<string> {
  const now = Math.floor(clock.now() / 1_000);
  const times = { iat: now, exp: now + 300 };
  const payload = { iss: idp.issuer, sub: 'alice', aud: 'gw', client_id: 'gw-cli', ...times, ...claims };
  return new SignJWT(JSON.parse(JSON.stringify(payload)))
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey, { crit: { 'urn:unknown': false } });
}
