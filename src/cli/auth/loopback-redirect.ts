/**
 * Where the browser comes back to after a sign-in: a server on 127.0.0.1, for one answer only (RFC 8252,
 * 7.3). Whatever does not carry the state of this very sign-in is turned away and changes nothing, so that
 * a page the person has open elsewhere cannot end or inject a sign-in.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GwError } from '../../core/errors.ts';

export const CALLBACK_PATH = '/callback';
/** Code and state are short; a browser's other headers are not ours to judge but to bound. */
const MAX_HEADER_BYTES = 16 * 1024;

export interface LoopbackRedirect {
  /** The redirect_uri. */
  readonly url: URL;
  /** The URL the browser came back with. Rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<URL>;
  /** Tells the person in the browser how it ended, and closes. */
  finish(ok: boolean): Promise<void>;
}

export async function listenForRedirect(state: string): Promise<LoopbackRedirect> {
  let waiting: ServerResponse | undefined;
  let arrived: ((url: URL) => void) | undefined;
  const answer = new Promise<URL>((resolve) => {
    arrived = resolve;
  });
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    const { port } = server.address() as AddressInfo;
    const ours = request.headers.host === `127.0.0.1:${port}`;
    const url = new URL(request.url ?? '/', `http://127.0.0.1:${port}`);
    if (!ours || request.method !== 'GET' || url.pathname !== CALLBACK_PATH) {
      sendPage(response, 404, 'Nothing here', 'This is the sign-in of gw.');
    } else if (!sameText(url.searchParams.get('state') ?? '', state) || waiting) {
      sendPage(response, 400, 'Not this sign-in', 'Go back to the terminal and start again: gw login');
    } else {
      waiting = response;
      arrived?.(url);
    }
  });
  server.maxConnections = 16;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new GwError('failed', 'No port on 127.0.0.1 can be opened for the browser.', {
          hint: 'gw login',
          cause: error,
        }),
      ),
    );
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}${CALLBACK_PATH}`),
    wait: (signal) => untilAborted(answer, signal),
    async finish(ok) {
      if (waiting) {
        const sent = new Promise((resolve) => waiting!.once('close', resolve));
        if (ok) sendPage(waiting, 200, 'Signed in', 'You can close this page and go back to the terminal.');
        else sendPage(waiting, 400, 'Not signed in', 'The terminal says why. You can close this page.');
        await sent;
      }
      server.close();
      server.closeAllConnections();
    },
  };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject);
  });
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A fixed page: nothing of the request is in it. */
function sendPage(response: ServerResponse, status: number, title: string, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(
    `<!doctype html><html lang="en"><title>gw: ${title}</title>` +
      '<style>body{font:18px system-ui;margin:15vh auto;max-width:32em;padding:0 1em}</style>' +
      `<h1>${title}</h1><p>${text}</p></html>\n`,
  );
}
