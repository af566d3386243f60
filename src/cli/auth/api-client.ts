import type { z } from 'zod';
import {
  API_VERSION,
  API_VERSION_HEADER,
  type Discovery,
  DiscoverySchema,
  ROUTES,
  SessionGrantSchema,
  StatusSchema,
  TargetsSchema,
  WhoamiSchema,
} from '../../contract/api.ts';
import { GwError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { sanitiseDeep } from '../render/sanitise.ts';
import { notAGateway, refusalOf, unreachableGateway } from './api-error.ts';
import type { TokenSource } from './credential.ts';
import type { GatewayClient } from './gateway-client.ts';
import type { Http, HttpAnswer } from './http.ts';

export interface ApiClientOptions {
  readonly url: URL;
  readonly name: string;
  readonly http: Http;
  /** Chosen when the first request needs it; gets the client's discovery. */
  readonly source: (discovery: () => Promise<Discovery>) => Promise<TokenSource>;
}

/** The gateway's API over HTTPS. A token that was just revoked or replaced is renewed once and tried again. */
export function createApiClient({ url, name, http, source }: ApiClientOptions): GatewayClient {
  const login = `gw login ${url.origin}`;
  let known: Promise<Discovery> | undefined;
  let chosen: Promise<TokenSource> | undefined;
  const discovery = (): Promise<Discovery> => {
    known ??= fetchDiscovery(url, http);
    return known;
  };
  const tokens = (): Promise<TokenSource> => {
    chosen ??= source(discovery);
    return chosen;
  };
  const call = async <T extends z.ZodType>(schema: T, route: string, body?: unknown): Promise<z.infer<T>> => {
    const { credential } = await tokens();
    const { token } = await credential();
    let answer = await send(http, new URL(route, url), body, token);
    if (answer.status === 401) {
      const other = await credential(token);
      if (other.token.reveal() !== token.reveal())
        answer = await send(http, new URL(route, url), body, other.token);
    }
    if (answer.status < 200 || answer.status > 299) throw refusalOf(answer, url, login);
    return parseAnswer(schema, answer, url);
  };
  return {
    url,
    name,
    http,
    get tls() {
      const ca = http.trust.rootsFor(url);
      return ca === undefined ? {} : { ca };
    },
    discovery,
    whoami: () => call(WhoamiSchema, ROUTES.whoami),
    targets: async () => (await call(TargetsSchema, ROUTES.targets)).targets,
    status: () => call(StatusSchema, ROUTES.status),
    sessionGrant: (target) => call(SessionGrantSchema, ROUTES.sessionGrants, { target }),
    async credential() {
      const { describe, kind, credential } = await tokens();
      return { ...(await credential()), describe, kind };
    },
    close: () => http.close(),
  };
}

/** What the gateway publishes about itself, without a token. Refuses one that speaks no version we know. */
export async function fetchDiscovery(url: URL, http: Http): Promise<Discovery> {
  const answer = await send(http, new URL(ROUTES.discovery, url));
  if (answer.status !== 200) throw notAGateway(answer, url);
  const discovery = parseAnswer(DiscoverySchema, answer, url);
  if (!discovery.api_versions.includes(API_VERSION)) {
    const newest = Math.max(0, ...discovery.api_versions);
    throw new GwError('unsupported', `This gw and the gateway ${url.host} do not speak the same version.`, {
      detail: `gw speaks API version ${API_VERSION}; gateway ${discovery.version} speaks ${discovery.api_versions.join(', ') || 'none'}.`,
      hint: newest > API_VERSION ? 'Update gw.' : 'Ask who runs the gateway to update it.',
    });
  }
  return discovery;
}

async function send(http: Http, url: URL, body?: unknown, token?: Secret): Promise<HttpAnswer> {
  const headers = {
    accept: 'application/json',
    [API_VERSION_HEADER]: String(API_VERSION),
    ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  try {
    return await http.request(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw unreachableGateway(error, url, http.proxyFor(url));
  }
}

function parseAnswer<T extends z.ZodType>(schema: T, answer: HttpAnswer, url: URL): z.infer<T> {
  let value: unknown;
  try {
    value = JSON.parse(answer.text);
  } catch {
    throw notAGateway(answer, url);
  }
  const result = schema.safeParse(value);
  if (result.success) return sanitiseDeep(result.data);
  const issue = result.error.issues[0]!;
  throw new GwError('unsupported', `The gateway ${url.host} gave an answer this gw does not understand.`, {
    detail: `${issue.path.join('.') || 'the whole'}: ${issue.message}`,
    hint: 'gw doctor compares the versions of both.',
    cause: result.error,
  });
}
