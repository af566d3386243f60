/**
 * Sign-in by device code (RFC 8628): the person opens a page anywhere and confirms a code; meanwhile the
 * provider is asked, no faster than it allows, whether they have.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Configuration,
  type DeviceAuthorizationResponse,
  initiateDeviceAuthorization,
  None,
  pollDeviceAuthorizationGrant,
} from 'openid-client';
import { GwError } from '../../core/errors.ts';
import { formatDuration } from '../../core/units.ts';
import { sanitiseLine } from '../render/sanitise.ts';
import { oauthErrorOf, providerError } from './oidc-errors.ts';
import { isWebPage, openInBrowser } from './open-browser.ts';
import { connectProvider } from './provider.ts';
import { resourceOf, type SignInRequest, tokenParameters } from './sign-in-request.ts';
import type { TokenAnswer } from './tokens.ts';

/** RFC 8628, 3.5: without `interval`, five seconds. */
const DEFAULT_INTERVAL_SECONDS = 5;

export async function deviceSignIn(request: SignInRequest): Promise<TokenAnswer> {
  const { signIn, http, signal } = request;
  const config = await connectProvider(signIn.issuer, signIn.client_id, None(), http);
  if (config.serverMetadata().device_authorization_endpoint === undefined) {
    throw new GwError('configuration', `${signIn.issuer} offers no sign-in by device code.`, {
      hint: 'gw login --browser',
    });
  }
  let device: DeviceAuthorizationResponse;
  try {
    device = await initiateDeviceAuthorization(config, tokenParameters(signIn));
  } catch (error) {
    throw providerError(error, signIn.issuer, 'start a sign-in');
  }
  signal.throwIfAborted();
  await show(device, request);
  return waitForPerson(config, device, request);
}

async function show(device: DeviceAuthorizationResponse, request: SignInRequest): Promise<void> {
  const { out, openBrowser, env } = request;
  const { style } = out;
  const complete = device.verification_uri_complete ?? device.verification_uri;
  if (!isWebPage(complete) || !isWebPage(device.verification_uri)) {
    throw new GwError(
      'identity_provider_unreachable',
      'The identity provider names a page that is not https.',
      {
        detail: sanitiseLine(device.verification_uri),
      },
    );
  }
  out.notice(`Open ${style.accent(sanitiseLine(complete))}`);
  out.notice(`and check that it shows the code ${style.strong(sanitiseLine(device.user_code))}`);
  if (openBrowser) await openInBrowser(complete, { env });
}

async function waitForPerson(
  config: Configuration,
  device: DeviceAuthorizationResponse,
  request: SignInRequest,
): Promise<TokenAnswer> {
  const { clock, out, signIn } = request;
  const endsAt = clock.monotonic() + device.expires_in * 1_000;
  const text = (): string =>
    `Waiting for you to sign in (${formatDuration(Math.max(0, endsAt - clock.monotonic()))} left)`;
  const spinner = out.spinner(text());
  const tick = setInterval(() => spinner.text(text()), 1_000);
  try {
    const answer = await poll(config, device, request, endsAt);
    spinner.stop();
    return answer;
  } catch (error) {
    spinner.stop();
    throw ending(error, signIn.issuer);
  } finally {
    clearInterval(tick);
  }
}

/** openid-client keeps to `interval` and `slow_down`; a network that is away for a moment ends nothing. */
async function poll(
  config: Configuration,
  device: DeviceAuthorizationResponse,
  { clock, signal, signIn }: SignInRequest,
  endsAt: number,
): Promise<TokenAnswer> {
  const expiry = AbortSignal.timeout(device.expires_in * 1_000);
  const stop = AbortSignal.any([signal, expiry]);
  const intervalMs = (device.interval ?? DEFAULT_INTERVAL_SECONDS) * 1_000;
  for (;;) {
    try {
      const asked = pollDeviceAuthorizationGrant(config, device, resourceOf(signIn), { signal: stop });
      // It looks at the signal once a second; Ctrl-C is heard at once.
      return await Promise.race([asked, rejectOnAbort(stop)]);
    } catch (error) {
      signal.throwIfAborted();
      if (expiry.aborted || clock.monotonic() >= endsAt) throw expired();
      const failure = providerError(error, signIn.issuer, 'sign in');
      if (failure.code !== 'identity_provider_unreachable' || oauthErrorOf(error) !== undefined) throw error;
      await sleep(intervalMs, undefined, { signal: stop }).catch(() => {});
      signal.throwIfAborted();
    }
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  return aborted;
}

const expired = (): GwError =>
  new GwError('not_signed_in', 'The code was not confirmed in time.', { hint: 'gw login' });

function ending(error: unknown, issuer: string): GwError {
  switch (oauthErrorOf(error)) {
    case 'expired_token':
      return expired();
    case 'access_denied':
      return new GwError('denied', 'The sign-in was refused in the browser.', {
        hint: 'If you did not refuse, ask who runs the identity provider for access; otherwise: gw login',
        cause: error,
      });
    default:
      return providerError(error, issuer, 'sign in');
  }
}
