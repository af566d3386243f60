import {
  allowInsecureRequests,
  type ClientAuth,
  type Configuration,
  type CustomFetch,
  clockSkew,
  clockTolerance,
  customFetch,
  discovery,
} from 'openid-client';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { explainNetworkError } from '../render/network-error.ts';
import { isLoopback } from './gateway-url.ts';
import type { Http } from './http.ts';
import { providerError } from './oidc-errors.ts';

/** A clock may be off by this much without a word. */
const TOLERANCE_SECONDS = 60;

/**
 * An identity provider, ready to be asked: its metadata fetched from the issuer and checked
 * (OpenID Connect Discovery 1.0). https only, but for one on loopback.
 */
export async function connectProvider(
  issuer: string,
  clientId: string,
  auth: ClientAuth,
  http: Http,
): Promise<Configuration> {
  const url = new URL(issuer);
  const insecure = url.protocol === 'http:' && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !insecure) {
    throw new GwError('configuration', `The identity provider ${issuer} is not https.`, {
      hint: 'Ask who runs the gateway to correct issuer in its configuration.',
    });
  }
  const fetch = providerFetch(http, issuer);
  const ask = (): Promise<Configuration> =>
    discovery(
      url,
      clientId,
      { [clockTolerance]: TOLERANCE_SECONDS, [clockSkew]: Math.round(http.skewMs(url) / 1_000) },
      auth,
      {
        [customFetch]: fetch,
        execute: insecure ? [allowInsecureRequests] : [],
        timeout: LIMITS.identityProviderTimeoutMs / 1_000,
      },
    );
  try {
    const first = await ask();
    // Now the provider's clock is known: token times are compared with it, not with a clock that is wrong.
    return Math.abs(http.skewMs(url)) > (TOLERANCE_SECONDS * 1_000) / 2 ? await ask() : first;
  } catch (error) {
    throw providerError(error, issuer, 'be asked for its metadata');
  }
}

/** Requests of openid-client through our HTTP: proxy, roots, limits. */
function providerFetch(http: Http, issuer: string): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    try {
      const answer = await http.request(new URL(url), {
        method: method === 'POST' ? 'POST' : 'GET',
        headers,
        ...(body === undefined || body === null ? {} : { body: String(body) }),
        signal,
      });
      const empty = answer.status === 204 || answer.status === 304;
      return new Response(empty ? null : answer.text, { status: answer.status, headers: answer.headers });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw unreachable(issuer, error, http.proxyFor(new URL(url)));
    }
  };
}

function unreachable(issuer: string, error: unknown, proxy: URL | undefined): GwError {
  const { what, fix } = explainNetworkError(error);
  const through = proxy ? ` through the proxy ${proxy.protocol}//${proxy.host}` : '';
  return new GwError(
    'identity_provider_unreachable',
    `The identity provider ${issuer} cannot be reached${through}.`,
    {
      detail: what,
      hint: fix ?? 'gw doctor',
      cause: error,
    },
  );
}
