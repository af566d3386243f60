/** Sign-in in the browser of this machine: authorization code with PKCE (RFC 7636) and a loopback redirect (RFC 8252). */
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { GwError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { formatDuration } from '../../core/units.ts';
import { listenForRedirect } from './loopback-redirect.ts';
import { oauthErrorOf, providerError } from './oidc-errors.ts';
import { openInBrowser } from './open-browser.ts';
import { connectProvider } from './provider.ts';
import { resourceOf, type SignInRequest, tokenParameters } from './sign-in-request.ts';
import type { TokenAnswer } from './tokens.ts';

export async function browserSignIn(request: SignInRequest): Promise<TokenAnswer> {
  const { signIn, http, out } = request;
  const config = await connectProvider(signIn.issuer, signIn.client_id, None(), http);
  const verifier = randomPKCECodeVerifier();
  const state = randomState();
  const nonce = signIn.scopes.includes('openid') ? randomNonce() : undefined;
  const redirect = await listenForRedirect(state);
  let ok = false;
  try {
    const url = buildAuthorizationUrl(config, {
      ...tokenParameters(signIn),
      redirect_uri: redirect.url.href,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      ...(nonce === undefined ? {} : { nonce }),
    });
    out.notice(`Open ${out.style.accent(url.href)}`);
    if (request.openBrowser) await openInBrowser(url.href, { env: request.env });
    const back = await waitForBrowser(redirect.wait, request);
    const answer = await authorizationCodeGrant(
      config,
      back,
      {
        pkceCodeVerifier: verifier,
        expectedState: state,
        ...(nonce === undefined ? {} : { expectedNonce: nonce, idTokenExpected: true }),
      },
      resourceOf(signIn),
    );
    ok = true;
    return answer;
  } catch (error) {
    throw ending(error, signIn.issuer);
  } finally {
    await redirect.finish(ok);
  }
}

async function waitForBrowser(
  wait: (signal: AbortSignal) => Promise<URL>,
  { out, signal, clock }: SignInRequest,
): Promise<URL> {
  const endsAt = clock.monotonic() + LIMITS.signInTimeoutMs;
  const text = (): string =>
    `Waiting for the browser (${formatDuration(Math.max(0, endsAt - clock.monotonic()))} left)`;
  const spinner = out.spinner(text());
  const tick = setInterval(() => spinner.text(text()), 1_000);
  const timeout = AbortSignal.timeout(LIMITS.signInTimeoutMs);
  try {
    return await wait(AbortSignal.any([signal, timeout]));
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw error;
    throw new GwError('not_signed_in', 'Nobody signed in in the browser in time.', {
      hint: 'gw login, which shows a code that can be confirmed on any device',
    });
  } finally {
    clearInterval(tick);
    spinner.stop();
  }
}

function ending(error: unknown, issuer: string): GwError {
  if (oauthErrorOf(error) === 'access_denied') {
    return new GwError('denied', 'The sign-in was refused in the browser.', {
      hint: 'If you did not refuse, ask who runs the identity provider for access; otherwise: gw login --browser',
      cause: error,
    });
  }
  return providerError(error, issuer, 'sign in');
}
