import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceSignIn } from '../../../src/cli/auth/device-flow.ts';
import { createHttp } from '../../../src/cli/auth/http.ts';
import type { SignInRequest } from '../../../src/cli/auth/sign-in-request.ts';
import { createTrust } from '../../../src/cli/auth/trust.ts';
import type { SignIn } from '../../../src/contract/api.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { GwError } from '../../../src/core/errors.ts';
import {
  approveDeviceCode,
  denyDeviceCode,
  type IdentityProvider,
  startIdentityProvider,
} from '../../support/idp.ts';
import { memoryOutput } from './support/fake-context.ts';

const direct = () => undefined;

function signInAt(idp: IdentityProvider): SignIn {
  return {
    name: 'corp',
    issuer: idp.issuer,
    client_id: idp.clients.cli.clientId,
    scopes: ['openid', 'email', 'offline_access'],
    resource: idp.resource,
    token: 'access',
  };
}

async function request(idp: IdentityProvider, signal = new AbortController().signal) {
  const out = memoryOutput();
  const http = createHttp({
    trust: await createTrust(undefined, false),
    proxyFor: direct,
    clock: systemClock,
  });
  const made: SignInRequest = {
    signIn: signInAt(idp),
    http,
    clock: systemClock,
    out,
    env: {},
    openBrowser: false,
    signal,
  };
  return { made, out };
}

/** Waits for the notice with the URL and the code, as a person would read it. */
async function shown(out: ReturnType<typeof memoryOutput>): Promise<{ url: string; code: string }> {
  for (;;) {
    const url = /Open (\S+)/.exec(out.stderr.text)?.[1];
    const code = /shows the code (\S+)/.exec(out.stderr.text)?.[1];
    if (url && code) return { url, code };
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('sign-in by device code', () => {
  let idp: IdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider({ deviceIntervalSeconds: 1 });
  });
  afterAll(() => idp.stop());

  it('gives tokens once the person has confirmed the code', async () => {
    const { made, out } = await request(idp);
    const pending = deviceSignIn(made);
    const { url, code } = await shown(out);
    expect(url).toContain(code);
    await approveDeviceCode(url, code, 'alice');
    const answer = await pending;
    expect(answer.refresh_token).toBeTruthy();
    expect(answer.expires_in).toBeGreaterThan(0);
    expect(out.stdout.text).toBe('');
  });

  it('ends with "denied" when the person refuses', async () => {
    const { made, out } = await request(idp);
    const pending = deviceSignIn(made).catch((error: unknown) => error);
    const { url, code } = await shown(out);
    await denyDeviceCode(url, code, 'alice');
    expect(await pending).toMatchObject({ code: 'denied', exit: 5 });
  });

  it('ends with "not signed in" when nobody confirms in time', async () => {
    const hasty = await startIdentityProvider({ deviceCodeSeconds: 1, deviceIntervalSeconds: 1 });
    try {
      const { made } = await request(hasty);
      expect(await deviceSignIn(made).catch((error: unknown) => error)).toMatchObject({
        code: 'not_signed_in',
        exit: 4,
        hint: 'gw login',
      });
    } finally {
      await hasty.stop();
    }
  });

  it('stops at once when it is interrupted', async () => {
    const abort = new AbortController();
    const { made, out } = await request(idp, abort.signal);
    const pending = deviceSignIn(made).catch((error: unknown) => error);
    await shown(out);
    abort.abort(new GwError('interrupted', 'Interrupted.'));
    expect(await pending).toMatchObject({ code: 'interrupted', exit: 130 });
  });

  it('tells that the provider cannot be reached, and which one', async () => {
    const { made } = await request({ ...idp, issuer: 'http://127.0.0.1:1' });
    expect(await deviceSignIn(made).catch((error: unknown) => error)).toMatchObject({
      code: 'identity_provider_unreachable',
      message: 'The identity provider http://127.0.0.1:1 cannot be reached.',
      detail: 'The connection was refused: nothing listens there.',
    });
  });

  it('refuses a provider that is not https', async () => {
    const { made } = await request({ ...idp, issuer: 'http://id.example.com' });
    expect(await deviceSignIn(made).catch((error: unknown) => error)).toMatchObject({
      code: 'configuration',
    });
  });

  it('names an unknown client as a matter of configuration', async () => {
    const { made } = await request(idp);
    const wrong = { ...made, signIn: { ...made.signIn, client_id: 'nobody' } };
    expect(await deviceSignIn(wrong).catch((error: unknown) => error)).toMatchObject({
      code: 'wrong_credential',
    });
  });
});
