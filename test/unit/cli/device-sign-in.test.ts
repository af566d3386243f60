import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceSignIn } from '../../../src/cli/auth/device-flow.ts';
import { GwError } from '../../../src/core/errors.ts';
import {
  approveDeviceCode,
  denyDeviceCode,
  type IdentityProvider,
  startIdentityProvider,
} from '../../support/idp.ts';
import type { MemoryOutput } from './support/fake-context.ts';
import { shown, signInRequest } from './support/sign-in.ts';

const readCode = async (out: MemoryOutput) => ({
  url: await shown(out, /Open (\S+)/),
  code: await shown(out, /shows the code (\S+)/),
});

describe('sign-in by device code', () => {
  let idp: IdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider({ deviceIntervalSeconds: 1 });
  });
  afterAll(() => idp.stop());

  it('gives tokens once the person has confirmed the code', async () => {
    const { made, out } = await signInRequest(idp);
    const pending = deviceSignIn(made);
    const { url, code } = await readCode(out);
    expect(url).toContain(code);
    await approveDeviceCode(url, code, 'alice');
    const answer = await pending;
    expect(answer.refresh_token).toBeTruthy();
    expect(answer.expires_in).toBeGreaterThan(0);
    expect(out.stdout.text).toBe('');
  });

  it('ends with "denied" when the person refuses', async () => {
    const { made, out } = await signInRequest(idp);
    const pending = deviceSignIn(made).catch((error: unknown) => error);
    const { url, code } = await readCode(out);
    await denyDeviceCode(url, code, 'alice');
    expect(await pending).toMatchObject({ code: 'denied', exit: 5 });
  });

  it('ends with "not signed in" when nobody confirms in time', async () => {
    const hasty = await startIdentityProvider({ deviceCodeSeconds: 1, deviceIntervalSeconds: 1 });
    try {
      const { made } = await signInRequest(hasty);
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
    const { made, out } = await signInRequest(idp, abort.signal);
    const pending = deviceSignIn(made).catch((error: unknown) => error);
    await readCode(out);
    abort.abort(new GwError('interrupted', 'Interrupted.'));
    expect(await pending).toMatchObject({ code: 'interrupted', exit: 130 });
  });

  it('tells that the provider cannot be reached, and which one', async () => {
    const { made } = await signInRequest({ ...idp, issuer: 'http://127.0.0.1:1' });
    expect(await deviceSignIn(made).catch((error: unknown) => error)).toMatchObject({
      code: 'identity_provider_unreachable',
      message: 'The identity provider http://127.0.0.1:1 cannot be reached.',
      detail: 'The connection was refused: nothing listens there.',
    });
  });

  it('refuses a provider that is not https', async () => {
    const { made } = await signInRequest({ ...idp, issuer: 'http://id.example.com' });
    expect(await deviceSignIn(made).catch((error: unknown) => error)).toMatchObject({
      code: 'configuration',
    });
  });

  it('names an unknown client as a matter of configuration', async () => {
    const { made } = await signInRequest(idp);
    const wrong = { ...made, signIn: { ...made.signIn, client_id: 'nobody' } };
    expect(await deviceSignIn(wrong).catch((error: unknown) => error)).toMatchObject({
      code: 'wrong_credential',
    });
  });
});
