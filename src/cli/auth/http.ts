/**
 * HTTPS as the CLI needs it, for the gateway and for identity providers: through the proxy of the
 * environment, with the right roots, and with a limit on every wait and size. Redirects are not followed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../core/limits.ts';
import { explainNetworkError } from '../render/network-error.ts';
import type { Trust } from './trust.ts';

export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Http {
  readonly trust: Trust;
  /** The proxy that a request to this URL takes. */
  proxyFor(url: URL): URL | undefined;
  /** How far the clock of a server was ahead of ours in its last answer (its Date header, whole seconds); 0 unknown. */
  skewMs(url: URL): number;
  /** Any status is an answer. Rejects with the error of the system, of TLS or of the HTTP client. */
  request(url: URL, request?: HttpRequest): Promise<HttpAnswer>;
  /** Loads what a request to this URL needs, while other things are waited for. */
  prepare(url: URL): void;
  close(): Promise<void>;
}

export interface HttpOptions {
  readonly trust: Trust;
  readonly proxyFor: (url: URL) => URL | undefined;
  readonly clock: Clock;
}

/** Waits before a GET is tried again after its connection failed. */
const RETRY_AFTER_MS = [150, 450];
const WORTH_A_RETRY = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ECONNREFUSED']);

export function createHttp({ trust, proxyFor, clock }: HttpOptions): Http {
  const skews = new Map<string, number>();
  let dispatchers = new Map<string, Promise<Dispatcher>>();
  const dispatcherFor = (url: URL): Promise<Dispatcher> => {
    const proxy = proxyFor(url)?.href ?? '';
    const roots = trust.rootsFor(url);
    const key = `${trust.isWide(url)} ${roots === undefined} ${proxy}`;
    const known = dispatchers.get(key) ?? createDispatcher(proxy, roots);
    dispatchers.set(key, known);
    return known;
  };
  const close = async (): Promise<void> => {
    const all = [...dispatchers.values()];
    dispatchers = new Map();
    for (const dispatcher of all) await (await dispatcher).destroy();
  };
  return {
    trust,
    proxyFor,
    close,
    prepare: (url) => void dispatcherFor(url).catch(() => {}),
    skewMs: (url) => skews.get(url.origin) ?? 0,
    async request(url, request = {}) {
      const retries = (request.method ?? 'GET') === 'GET' ? RETRY_AFTER_MS : [];
      for (let attempt = 0; ; attempt++) {
        try {
          const answer = await once(await dispatcherFor(url), url, request);
          const date = Date.parse(answer.headers.date ?? '');
          if (!Number.isNaN(date)) skews.set(url.origin, date - clock.now());
          return answer;
        } catch (error) {
          const { untrusted, code } = explainNetworkError(error);
          if (untrusted && trust.widen(url)) continue;
          const waitMs = retries[attempt];
          if (waitMs === undefined || !WORTH_A_RETRY.has(code) || request.signal?.aborted) throw error;
          await sleep(waitMs);
        }
      }
    },
  };
}

async function createDispatcher(proxy: string, ca: string | undefined): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await import('undici');
  const tls = { ...(ca === undefined ? {} : { ca }), timeout: LIMITS.cliConnectTimeoutMs, allowH2: false };
  const limits = {
    headersTimeout: LIMITS.cliAnswerTimeoutMs,
    bodyTimeout: LIMITS.cliAnswerTimeoutMs,
    maxResponseSize: LIMITS.cliAnswerBytes,
    allowH2: false,
  };
  if (proxy === '') return new Agent({ ...limits, connect: tls });
  return new ProxyAgent({ ...limits, uri: proxy, requestTls: tls, proxyTls: tls });
}

async function once(dispatcher: Dispatcher, url: URL, request: HttpRequest): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(request.timeoutMs ?? LIMITS.cliAnswerTimeoutMs);
  const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
  const answer = await dispatcher.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: request.method ?? 'GET',
    headers: { 'user-agent': 'gw', ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body as string | Buffer }),
    signal,
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { status: answer.statusCode, headers, text: await answer.body.text() };
}
