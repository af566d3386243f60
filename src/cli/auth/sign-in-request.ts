import type { SignIn } from '../../contract/api.ts';
import type { Clock } from '../../core/clock.ts';
import type { Output } from '../render/output.ts';
import type { Http } from './http.ts';

/** What a sign-in by a person needs. */
export interface SignInRequest {
  readonly signIn: SignIn;
  readonly http: Http;
  readonly clock: Clock;
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Open the browser, where there is one. */
  readonly openBrowser: boolean;
  /** Aborted by Ctrl-C, with a GwError as its reason. */
  readonly signal: AbortSignal;
}

/** Scopes, and the parameters some providers want to issue a token for the gateway. */
export function tokenParameters(signIn: SignIn): Record<string, string> {
  return {
    scope: signIn.scopes.join(' '),
    ...resourceOf(signIn),
    ...(signIn.audience === undefined ? {} : { audience: signIn.audience }),
  };
}

/** The resource indicator again, for the token endpoint (RFC 8707, 2.2). */
export function resourceOf(signIn: SignIn): Record<string, string> {
  return signIn.resource === undefined ? {} : { resource: signIn.resource };
}
