import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { isLoopback } from '../config/schema-parts.ts';
import { parseJsonObject } from './jwt-text.ts';

/**
 * Calls to an identity provider: JSON over HTTPS, one answer of bounded size in bounded time. A redirect
 * is not followed; it would let another host speak for the provider. The provider's own certificate
 * authorities, where configured, replace those of the system. HTTPS_PROXY and NO_PROXY are obeyed.
 */
export interface HttpCall {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Undefined when the body is no JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** @throws GwError identity_provider_unreachable */
export type Http = (call: HttpCall) => Promise<HttpAnswer>;

export interface HttpOptions {
  /** Named in errors. */
  readonly provider: string;
  /** PEM file; read for each call, so that a renewed one is picked up. */
  readonly ca?: string | undefined;
  readonly timeoutMs?: number;
}

export function createHttp({
  provider,
  ca,
  timeoutMs = LIMITS.identityProviderTimeoutMs,
}: HttpOptions): Http {
  return async (call) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await send(call, ca === undefined ? undefined : await readFile(ca, 'utf8'), signal);
    } catch (error) {
      if (error instanceof GwError) throw error;
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      const what = signal.aborted ? `no answer within ${timeoutMs / 1_000} s` : code;
      throw unreachable(provider, call.url, what, error);
    }
  };

  async function send(call: HttpCall, authorities: string | undefined, signal: AbortSignal) {
    const response = await open(call, authorities, signal);
    const status = response.statusCode ?? 0;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > LIMITS.identityProviderAnswerBytes) {
        response.destroy();
        throw unreachable(provider, call.url, 'the answer is too large');
      }
      chunks.push(chunk);
    }
    if (status >= 300 && status < 400) {
      throw unreachable(provider, call.url, `it redirects (${status}), which is not followed`);
    }
    return { status, json: parseJsonObject(Buffer.concat(chunks)) };
  }
}

function open(call: HttpCall, ca: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(call.url);
  const { method = 'GET', body } = call;
  const headers = { accept: 'application/json', 'user-agent': 'gw', ...call.headers };
  // A proxy cannot reach this machine's loopback.
  const proxy = isLoopback(url.hostname) ? {} : { proxyEnv: process.env };
  return new Promise((resolve, reject) => {
    const options = { method, headers, signal };
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, {
            ...options,
            agent: new HttpsAgent({ ...proxy, ...(ca === undefined ? {} : { ca }) }),
            // Whatever NODE_TLS_REJECT_UNAUTHORIZED says: who answers here decides who may come in.
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2',
          })
        : httpRequest(url, { ...options, agent: new HttpAgent(proxy) });
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

/** The provider cannot be used now; `what` is shown. */
export function unreachable(provider: string, url: string, what: string, cause?: unknown): GwError {
  const host = URL.canParse(url) ? new URL(url).host : url;
  return new GwError(
    'identity_provider_unreachable',
    `The identity provider "${provider}" cannot be reached by the gateway.`,
    { detail: `${host}: ${what}.`, hint: TLS_CODES.test(what) ? CA_HINT : HINT, cause },
  );
}

const HINT = 'Try again in a moment; if it stays, whoever runs the gateway can see more in its log.';
const CA_HINT =
  'Its certificate is not trusted: set "ca" of this identity provider in the gateway\'s configuration.';
/** Codes of OpenSSL's certificate verification, as Node reports them. */
const TLS_CODES = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_TLS_CERT_|INVALID_CA|HOSTNAME_MISMATCH)/;
