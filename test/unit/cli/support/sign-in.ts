import { createHttp, type Http } from '../../../../src/cli/auth/http.ts';
import type { SignInRequest } from '../../../../src/cli/auth/sign-in-request.ts';
import { createTrust } from '../../../../src/cli/auth/trust.ts';
import type { SignIn } from '../../../../src/contract/api.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { IdentityProvider } from '../../../support/idp.ts';
import { type MemoryOutput, memoryOutput } from './fake-context.ts';

/** How a gateway would publish the test provider. */
export function signInAt(idp: IdentityProvider, token: 'access' | 'id' = 'access'): SignIn {
  return {
    name: 'corp',
    issuer: idp.issuer,
    client_id: idp.clients.cli.clientId,
    scopes: ['openid', 'email', 'offline_access'],
    resource: idp.resource,
    token,
  };
}

export async function plainHttp(): Promise<Http> {
  const trust = await createTrust({ gateway: new URL('https://gw.example.com') });
  return createHttp({ trust, proxyFor: () => undefined, clock: systemClock });
}

export async function signInRequest(
  idp: IdentityProvider,
  signal = new AbortController().signal,
): Promise<{ readonly made: SignInRequest; readonly out: MemoryOutput }> {
  const out = memoryOutput();
  const http = await plainHttp();
  const made = { signIn: signInAt(idp), http, clock: systemClock, out, env: {}, openBrowser: false, signal };
  return { made, out };
}

/** Waits until stderr shows what the pattern catches, as a person would read it. */
export async function shown(out: MemoryOutput, pattern: RegExp): Promise<string> {
  for (;;) {
    const found = pattern.exec(out.stderr.text)?.[1];
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
