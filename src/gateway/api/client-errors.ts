import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { GwError } from '../../core/errors.ts';
import { errorResponse } from './responses.ts';
import type { ApiResponse } from './types.ts';

/**
 * Answers what node:http cannot parse, or does not get in time, with the same JSON as everything else. While an
 * earlier request of the connection is being answered nothing is said: it would be taken for that answer.
 */

/** For the refused peer to read why; then the connection is cut, whether it did or not. */
const LINGER_MS = 1_000;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export function answerClientErrors(server: Server): void {
  const busy = new WeakMap<Duplex, number>();
  const refused = new WeakSet<Duplex>();
  const track: Handler = ({ socket }, response) => {
    busy.set(socket, (busy.get(socket) ?? 0) + 1);
    response.once('close', () => busy.set(socket, (busy.get(socket) ?? 1) - 1));
  };
  server.prependListener('request', track);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // What a refused peer goes on sending fails again.
    if (refused.has(socket)) return;
    if (!socket.writable || error.code === 'ECONNRESET' || (busy.get(socket) ?? 0) > 0) {
      socket.destroy();
      return;
    }
    refused.add(socket);
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
    socket.end(bytesOf(answerTo(error.code)));
  });
}

function answerTo(code: string | undefined): ApiResponse {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': {
      const error = new GwError('limit', 'The head of the request is too large.', {
        hint: 'Most of it is usually the token: have the identity provider put fewer claims into it.',
      });
      return { ...errorResponse(error), status: 431 };
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return errorResponse(new GwError('request_timeout', 'The request did not come in time.'));
    default:
      return errorResponse(new GwError('protocol_violation', 'This is not a valid HTTP/1.1 request.'));
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function bytesOf({ status, headers, body }: ApiResponse): Buffer {
  const all = { ...headers, 'content-length': String(body.length), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
