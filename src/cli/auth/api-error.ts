import { ErrorBodySchema } from '../../contract/api.ts';
import { ERRORS, type ErrorCode, GwError } from '../../core/errors.ts';
import { explainNetworkError } from '../render/network-error.ts';
import { sanitise } from '../render/sanitise.ts';
import type { HttpAnswer } from './http.ts';

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'not_signed_in',
  403: 'denied',
  404: 'not_found',
  410: 'expired',
  413: 'limit',
  429: 'rate_limited',
  501: 'unsupported',
  502: 'gateway_unreachable',
  503: 'gateway_unreachable',
  504: 'gateway_unreachable',
};

/** An answer of the gateway that is not 2xx: what it says itself, or what its status means. */
export function refusalOf(answer: HttpAnswer, url: URL, login: string): GwError {
  const body = parseBody(answer.text);
  const code = body && body.code in ERRORS ? (body.code as ErrorCode) : BY_STATUS[answer.status];
  if (body === undefined) return notAGateway(answer, url, code);
  const retryAfter = answer.headers['retry-after'];
  const ownHint = code === 'not_signed_in' ? login : retryAfter && `Try again in ${sanitise(retryAfter)} s.`;
  return new GwError(code ?? 'failed', sanitise(body.message), {
    detail: body.detail && sanitise(body.detail),
    hint: body.hint ? sanitise(body.hint) : ownHint,
  });
}

function parseBody(text: string) {
  try {
    return ErrorBodySchema.parse(JSON.parse(text)).error;
  } catch {
    return undefined;
  }
}

/** Something answered, but not as a gateway does: another server, a proxy, a balancer without a gateway behind. */
export function notAGateway(answer: HttpAnswer, url: URL, code?: ErrorCode): GwError {
  const type = answer.headers['content-type']?.split(';')[0] ?? 'no content type';
  return new GwError(
    code === 'not_found' || code === undefined ? 'gateway_unreachable' : code,
    `What answers at ${url.origin} is not a gateway of gw, or one that is not ready.`,
    {
      detail: `It answered ${answer.status} with ${sanitise(type)}.`,
      hint: 'Check the URL and the port, and whether a proxy or balancer answers instead: gw doctor',
    },
  );
}

/** The gateway could not be asked: the step that failed, and what to try. */
export function unreachableGateway(error: unknown, url: URL, proxy: URL | undefined): GwError {
  if (error instanceof GwError) return error;
  const { what, fix } = explainNetworkError(error);
  const through = proxy ? ` through the proxy ${proxy.protocol}//${proxy.host}` : '';
  return new GwError('gateway_unreachable', `The gateway ${url.host} cannot be reached${through}.`, {
    detail: what,
    hint: fix ?? 'gw doctor',
    cause: error,
  });
}
