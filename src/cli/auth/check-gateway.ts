import { None } from 'openid-client';
import type { Discovery } from '../../contract/api.ts';
import type { Clock } from '../../core/clock.ts';
import { formatDuration } from '../../core/units.ts';
import { VERSION } from '../../core/version.ts';
import { momentText } from '../render/time.ts';
import { type Check, fail, ok, warn } from './check.ts';
import { failed } from './check-local.ts';
import type { GatewayClient } from './gateway-client.ts';
import { connectProvider } from './provider.ts';

const CLOCK_WARN_MS = 30_000;
const CLOCK_FAIL_MS = 5 * 60_000;

/** What the gateway publishes, and whether it fits this gw and this machine's clock. */
export async function checkGateway(gateway: GatewayClient, clock: Clock): Promise<Check[]> {
  const before = clock.now();
  let discovery: Discovery;
  try {
    discovery = await gateway.discovery();
  } catch (error) {
    return [failed('gateway', error)];
  }
  const after = clock.now();
  return [checkVersion(discovery), checkClock(Date.parse(discovery.time) - (before + after) / 2)];
}

function checkVersion({ gateway, version }: Discovery): Check {
  const what = `${gateway}: version ${version}; this gw is ${VERSION}`;
  const line = (text: string): string => text.split('.').slice(0, 2).join('.');
  if (line(version) === line(VERSION)) return ok('gateway', what);
  return warn(
    'gateway',
    what,
    'They work together, but one of them lacks what the other has. Update the older one.',
  );
}

function checkClock(aheadMs: number): Check {
  const distance = Math.abs(aheadMs);
  const what =
    distance < 1_000
      ? 'as the gateway has it'
      : `${formatDuration(distance)} ${aheadMs > 0 ? 'behind' : 'ahead of'} the gateway's`;
  const fix = 'Set the clock of this machine (or of the gateway): timedatectl set-ntp true';
  if (distance > CLOCK_FAIL_MS) return fail('clock', what, fix);
  return distance > CLOCK_WARN_MS ? warn('clock', what, fix) : ok('clock', what);
}

/** Every provider people sign in with. */
export async function checkProviders(gateway: GatewayClient): Promise<Check[]> {
  const { sign_in: providers } = await gateway.discovery();
  if (providers.length === 0) return [ok('identity provider', 'none for people; machines only')];
  return Promise.all(
    providers.map(async ({ name, issuer, client_id }) => {
      const title = `identity provider ${name}`;
      try {
        const metadata = (await connectProvider(issuer, client_id, None(), gateway.http)).serverMetadata();
        if (metadata.device_authorization_endpoint === undefined) {
          return warn(title, `${issuer} offers no device code`, 'Sign in with: gw login --browser');
        }
        return ok(title, `${issuer} answers`);
      } catch (error) {
        return failed(title, error);
      }
    }),
  );
}

/** The token, and the gateway's word on whose it is. */
export async function checkIdentity(gateway: GatewayClient, clock: Clock): Promise<Check> {
  try {
    const identity = await gateway.whoami();
    const { describe } = await gateway.credential();
    const ends = momentText(Date.parse(identity.token_expires_at), clock.now());
    const what = `${identity.name} by ${describe}; token ends ${ends}`;
    if (identity.groups.length > 0) return ok('sign-in', what);
    return warn(
      'sign-in',
      `${what}; in no group`,
      'Without a group most targets are closed. Ask who runs the gateway.',
    );
  } catch (error) {
    return failed('sign-in', error);
  }
}
