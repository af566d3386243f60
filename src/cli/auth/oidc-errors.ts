import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import { GwError } from '../../core/errors.ts';
import { sanitiseLine } from '../render/sanitise.ts';

/** The OAuth error code (RFC 6749, 5.2; RFC 8628, 3.5) of a provider's answer; undefined for other errors. */
export function oauthErrorOf(error: unknown): string | undefined {
  if (error instanceof ResponseBodyError || error instanceof AuthorizationResponseError) return error.error;
  // A client that authenticated by HTTP Basic is refused with a challenge (RFC 6749, 5.2).
  if (error instanceof WWWAuthenticateChallengeError) {
    return error.cause.find(({ parameters }) => parameters.error)?.parameters.error ?? 'invalid_client';
  }
  return undefined;
}

/** Code of a check that failed on our side, e.g. OAUTH_JWT_TIMESTAMP_CHECK_FAILED. */
const CLOCK = 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED';

/**
 * What went wrong with an identity provider, as the user is told. Errors that are ours already stay.
 * @param doing what was being done: `sign in`, `renew the token`
 */
export function providerError(error: unknown, issuer: string, doing: string): GwError {
  if (error instanceof GwError) return error;
  if (error instanceof ClientError && error.cause instanceof GwError) return error.cause;
  const description =
    error instanceof ResponseBodyError || error instanceof AuthorizationResponseError
      ? error.error_description
      : undefined;
  const code = oauthErrorOf(error);
  if (code !== undefined) {
    return new GwError(codeFor(code), `${issuer} refused to ${doing}.`, {
      detail: sanitiseLine(description ? `${code}: ${description}` : code),
      hint: hintFor(code),
      cause: error,
    });
  }
  const inner = error instanceof ClientError ? error.code : undefined;
  return new GwError(
    'identity_provider_unreachable',
    `${issuer} did not answer as an identity provider should.`,
    {
      detail: inner === CLOCK ? 'Its token is not valid at the time this machine shows.' : inner,
      hint: inner === CLOCK ? 'Set the clock of this machine, then try again.' : 'gw doctor',
      cause: error,
    },
  );
}

const codeFor = (
  code: string,
): 'denied' | 'not_signed_in' | 'wrong_credential' | 'identity_provider_unreachable' => {
  if (code === 'access_denied') return 'denied';
  if (code === 'invalid_client' || code === 'unauthorized_client') return 'wrong_credential';
  if (code === 'temporarily_unavailable' || code === 'server_error') return 'identity_provider_unreachable';
  return 'not_signed_in';
};

function hintFor(code: string): string {
  switch (code) {
    case 'access_denied':
      return 'If you did not refuse, ask who runs the identity provider for access.';
    case 'invalid_client':
    case 'unauthorized_client':
      return 'Check the client id and its credential; for people, client_id under sign_in in the configuration of the gateway.';
    case 'invalid_scope':
    case 'invalid_target':
      return 'Ask who runs the gateway to check scopes and resource under sign_in in its configuration.';
    case 'temporarily_unavailable':
    case 'server_error':
      return 'Try again in a moment.';
    default:
      return 'gw login';
  }
}
