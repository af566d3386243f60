import { API_VERSION, API_VERSION_HEADER, type ErrorBody } from '../../contract/api.ts';
import type { GwError } from '../../core/errors.ts';
import type { ApiResponse } from './types.ts';

/**
 * Answers. None may be kept by a cache, read by a page of another origin (there is no CORS), taken for
 * another type, or shown as a document.
 */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  [API_VERSION_HEADER]: String(API_VERSION),
} as const;

export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return {
    status,
    headers: { ...HEADERS, 'content-type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** An ErrorBody with the status of its code. The cause stays here. */
export function errorResponse(error: GwError, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const { code, message, detail, hint } = error;
  const body: ErrorBody = { error: { code, message, detail, hint } };
  return jsonResponse(error.http, body, headers);
}
