import type { Field } from './hpack-decoder.ts';
import { isValidField } from './hpack-encoder.ts';
import type { Headers } from './types.ts';

/**
 * Which field sections are well-formed (RFC 9113, 8.2, 8.3, 8.5): names in lower case, pseudo-header fields
 * first and known, none that belong to one HTTP/1 connection.
 */

const CONNECTION_SPECIFIC = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Fields by name, or undefined when malformed. Repeated fields are joined (RFC 9110, 5.3). */
export function collectFields(fields: readonly Field[], pseudo: readonly string[]): Headers | undefined {
  const headers: Record<string, string> = Object.create(null);
  let regular = false;
  for (const [name, value] of fields) {
    if (!isValidField(name, value)) return undefined;
    if (name.startsWith(':')) {
      if (regular || !pseudo.includes(name) || name in headers) return undefined;
    } else {
      regular = true;
      if (CONNECTION_SPECIFIC.has(name) || (name === 'te' && value !== 'trailers')) return undefined;
    }
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return headers;
}

const REQUEST_PSEUDO = [':method', ':scheme', ':path', ':authority', ':protocol'];

/** Headers of a well-formed CONNECT; `other` for another method; undefined when malformed. */
export function readRequest(fields: readonly Field[]): Headers | 'other' | undefined {
  const headers = collectFields(fields, REQUEST_PSEUDO);
  if (headers?.[':method'] === undefined) return undefined;
  if (headers[':method'] !== 'CONNECT') return 'other';
  const { ':authority': authority } = headers;
  const extra = ':scheme' in headers || ':path' in headers || ':protocol' in headers;
  return authority === undefined || authority === '' || extra ? undefined : headers;
}

/** Headers and status of a well-formed response, else undefined. */
export function readResponse(fields: readonly Field[]): { status: number; headers: Headers } | undefined {
  const headers = collectFields(fields, [':status']);
  const status = headers?.[':status'];
  if (headers === undefined || status === undefined || !/^[1-5][0-9][0-9]$/.test(status)) return undefined;
  return { status: Number(status), headers };
}
