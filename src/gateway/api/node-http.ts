import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Api } from './api.ts';
import { answerClientErrors } from './client-errors.ts';
import { errorResponse } from './responses.ts';
import type { ApiResponse } from './types.ts';

/** The API over node:http, with a limit for everything a peer can send or hold back. */

/** A token of the limit, and room for the other headers. */
const MAX_HEAD_BYTES = LIMITS.tokenBytes + 16 * 1024;
const MAX_HEADERS = 64;
const CHECK_INTERVAL_MS = 1_000;

/**
 * A server for connections that are handed to it (`server.emit('connection', socket)`), or that listens itself.
 * Close it with `closeAllConnections`.
 */
export function createApiServer(api: Api, timeouts: { readonly bodyTimeoutMs?: number } = {}): Server {
  return limitedServer(nodeHttpHandler(api, timeouts.bodyTimeoutMs));
}

/** A node:http server with our limits on what comes before the handler: the head's size, count and time. */
export function limitedServer(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  headTimeoutMs: number = LIMITS.apiHeadTimeoutMs,
): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: headTimeoutMs,
      requestTimeout: headTimeoutMs + LIMITS.apiBodyTimeoutMs,
      keepAliveTimeout: LIMITS.apiKeepAliveMs,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, headTimeoutMs),
      requireHostHeader: true,
      insecureHTTPParser: false,
    },
    handler,
  );
  server.maxHeadersCount = MAX_HEADERS;
  limitRequests(server, LIMITS.apiRequestsPerConnection);
  answerClientErrors(server);
  // Node keeps its connections' times only from `listening` on; a server that is handed connections never gets there.
  server.emit('listening');
  return server;
}

/** What node's own limit does not: it refuses further requests, but leaves the connection to the peer. */
function limitRequests(server: Server, limit: number): void {
  const counts = new WeakMap<Socket, number>();
  server.maxRequestsPerSocket = limit;
  server.prependListener('request', ({ socket }, response) => {
    const count = (counts.get(socket) ?? 0) + 1;
    counts.set(socket, count);
    if (count >= limit) response.setHeader('connection', 'close');
  });
}

export function nodeHttpHandler(
  api: Api,
  bodyTimeoutMs: number = LIMITS.apiBodyTimeoutMs,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    serve(api, request, bodyTimeoutMs)
      .then((answer) => send(response, answer))
      .catch(() => response.destroy());
  };
}

async function serve(api: Api, request: IncomingMessage, bodyTimeoutMs: number): Promise<ApiResponse> {
  const body = await readBody(request, bodyTimeoutMs);
  // What is left of a body that was refused is not read: the connection ends with the answer.
  if (body instanceof GwError) return errorResponse(body, { connection: 'close' });
  return api.handle({
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headersDistinct,
    body,
    remoteAddress: request.socket.remoteAddress ?? '',
  });
}

/** The whole body, or why it was not read: then the rest of it is still on the connection, which must be closed. */
function readBody(request: IncomingMessage, timeoutMs: number): Promise<Buffer | GwError> {
  if (Number(request.headers['content-length'] ?? 0) > LIMITS.apiBodyBytes) {
    return Promise.resolve(tooLarge());
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (result: Buffer | GwError): void => {
      clearTimeout(timer);
      request.off('data', take).pause();
      resolve(result);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > LIMITS.apiBodyBytes) done(tooLarge());
      else chunks.push(chunk);
    };
    const timer = setTimeout(() => done(tooSlow()), timeoutMs);
    request.on('data', take);
    request.once('end', () => done(Buffer.concat(chunks)));
    // The peer went away: nobody reads the answer.
    request.once('close', () => done(tooSlow()));
    request.once('error', () => done(tooSlow()));
  });
}

function send(response: ServerResponse, answer: ApiResponse): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, { 'content-length': String(answer.body.length), ...answer.headers });
  response.end(answer.body);
}

const tooLarge = (): GwError =>
  new GwError('limit', `The body of the request is larger than ${LIMITS.apiBodyBytes} bytes.`);
const tooSlow = (): GwError =>
  new GwError('request_timeout', 'The body of the request did not come in time.');
