import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ROUTES } from '../../contract/api.ts';
import { asGwError, GwError } from '../../core/errors.ts';
import { limitedServer } from './node-http.ts';
import { errorResponse, jsonResponse } from './responses.ts';
import type { ApiResponse, Readiness } from './types.ts';

/**
 * What whoever runs the gateway may see, on a listener of its own and without a credential: bind it to
 * loopback or to a network of operators. It shows counts and states, no identity and no statement.
 */
export interface AdminDeps {
  /** All metrics in the text format of Prometheus. */
  metricsText(): Promise<string>;
  readiness(): Readiness | Promise<Readiness>;
}

const METRICS = '/metrics';
const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function createAdminServer(deps: AdminDeps): Server {
  return limitedServer(adminHandler(deps));
}

export function adminHandler(deps: AdminDeps): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // No body is expected; what comes is thrown away, within the server's time limits.
    request.resume();
    void answer(deps, request)
      .catch((error: unknown) => errorResponse(asGwError(error)))
      .then(({ status, headers, body }) => {
        response.writeHead(status, { ...headers, 'content-length': String(body.length) });
        response.end(request.method === 'HEAD' ? undefined : body);
      });
  };
}

async function answer(deps: AdminDeps, request: IncomingMessage): Promise<ApiResponse> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const error = new GwError('method_not_allowed', 'Only GET and HEAD are possible here.');
    return errorResponse(error, { allow: 'GET, HEAD' });
  }
  switch (request.url?.split('?', 1)[0]) {
    case ROUTES.live:
      return jsonResponse(200, { status: 'ok' });
    case ROUTES.ready: {
      const readiness = await deps.readiness();
      return jsonResponse(readiness.ready ? 200 : 503, readiness);
    }
    case METRICS: {
      const body = Buffer.from(await deps.metricsText());
      return { ...jsonResponse(200, {}, { 'content-type': PROMETHEUS_TYPE }), body };
    }
    default:
      throw new GwError('not_found', 'There is nothing at this address.', {
        hint: `Ask for ${METRICS}, ${ROUTES.live} or ${ROUTES.ready}.`,
      });
  }
}
