import { API_VERSION, API_VERSION_HEADER } from '../../contract/api.ts';
import { GwError } from '../../core/errors.ts';
import type { ApiRequest } from './types.ts';

/** Every version this build can answer in, ascending. */
const SPOKEN: readonly number[] = [API_VERSION];
const MAX_VERSIONS = 16;

/**
 * Whether caller and gateway have a version in common: the caller sends those it speaks, `1` or `1, 2`; one that
 * sends none (curl) is answered in the newest.
 * @throws GwError `incompatible_version` naming both sides and which one to upgrade
 */
export function negotiate(headers: ApiRequest['headers']): void {
  const values = headers[API_VERSION_HEADER];
  if (values === undefined) return;
  const asked = values.join(',').split(',').slice(0, MAX_VERSIONS).map(versionOf);
  if (asked.some((version) => SPOKEN.includes(version))) return;
  const newest = Math.max(...asked);
  throw new GwError(
    'incompatible_version',
    `This gateway speaks API version ${SPOKEN.join(', ')}; the client speaks ${asked.join(', ')}.`,
    {
      hint:
        newest > API_VERSION
          ? 'The gateway is older than this client: upgrade the gateway, or use an older gw.'
          : 'This client is older than the gateway: upgrade gw on this machine.',
    },
  );
}

function versionOf(text: string): number {
  if (/^ *\d{1,6} *$/.test(text)) return Number(text);
  throw new GwError('usage', `The header ${API_VERSION_HEADER} is not a list of numbers.`, {
    hint: `Send it as: ${API_VERSION_HEADER}: ${API_VERSION}`,
  });
}
