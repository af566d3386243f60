import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSignIn } from '../../../src/cli/auth/browser-flow.ts';
import { listenForRedirect } from '../../../src/cli/auth/loopback-redirect.ts';
import { isWebPage, openInBrowser } from '../../../src/cli/auth/open-browser.ts';
import { GwError } from '../../../src/core/errors.ts';
import {
  type IdentityProvider,
  browserSignIn as signInAsPerson,
  startIdentityProvider,
} from '../../support/idp.ts';
import { shown, signInRequest } from './support/sign-in.ts';

describe('sign-in in the browser', () => {
  let idp: IdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider();
  });
  afterAll(() => idp.stop());

  it('gives tokens, with PKCE, state and nonce, and tells the person to go back', async () => {
    const { made, out } = await signInRequest(idp);
    const pending = browserSignIn(made);
    const url = new URL(await shown(out, /Open (\S+)/));
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    expect(url.searchParams.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    for (const name of ['state', 'nonce', 'code_challenge']) expect(url.searchParams.get(name)).toBeTruthy();
    const page = await signInAsPerson(url, 'alice');
    expect(page.status).toBe(200);
    expect(page.body).toContain('You can close this page');
    expect((await pending).refresh_token).toBeTruthy();
    expect(out.stdout.text).toBe('');
  });

  it('ends with "denied" when the person refuses, and says so in the browser', async () => {
    const { made, out } = await signInRequest(idp);
    const pending = browserSignIn(made).catch((error: unknown) => error);
    const page = await signInAsPerson(await shown(out, /Open (\S+)/), 'alice', { deny: true });
    expect(page.body).toContain('Not signed in');
    expect(await pending).toMatchObject({ code: 'denied', exit: 5 });
  });

  it('is not ended by a request that does not belong to it', async () => {
    const { made, out } = await signInRequest(idp);
    const pending = browserSignIn(made);
    const url = new URL(await shown(out, /Open (\S+)/));
    const callback = new URL(url.searchParams.get('redirect_uri')!);
    callback.search = 'code=stolen&state=guessed';
    expect((await fetch(callback)).status).toBe(400);
    callback.search = 'error=access_denied';
    expect((await fetch(callback)).status).toBe(400);
    expect((await fetch(new URL('/other', callback))).status).toBe(404);
    expect((await fetch(callback, { method: 'POST' })).status).toBe(404);
    await signInAsPerson(url, 'alice');
    expect((await pending).access_token).toBeTruthy();
  });

  it('stops listening when it is interrupted', async () => {
    const abort = new AbortController();
    const { made, out } = await signInRequest(idp, abort.signal);
    const pending = browserSignIn(made).catch((error: unknown) => error);
    const url = new URL(await shown(out, /Open (\S+)/));
    abort.abort(new GwError('interrupted', 'Interrupted.'));
    expect(await pending).toMatchObject({ code: 'interrupted' });
    await expect(fetch(url.searchParams.get('redirect_uri')!)).rejects.toThrow();
  });
});

describe('the loopback redirect', () => {
  it('answers to its own name only', async () => {
    const redirect = await listenForRedirect('s');
    const { port } = redirect.url;
    const { request } = await import('node:http');
    const status = await new Promise((resolve) => {
      request(
        { port, host: '127.0.0.1', path: '/callback?state=s', headers: { host: `evil.example:${port}` } },
        (answer) => resolve(answer.statusCode),
      ).end();
    });
    expect(status).toBe(404);
    await redirect.finish(false);
  });

  it('takes one answer', async () => {
    const redirect = await listenForRedirect('s');
    const url = new URL(redirect.url);
    url.search = 'state=s&code=1';
    const first = fetch(url);
    await redirect.wait(new AbortController().signal);
    expect((await fetch(url)).status).toBe(400);
    await redirect.finish(true);
    expect((await first).headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('opening a browser', () => {
  it('is for web pages only', () => {
    for (const url of ['https://id.example.com/x', 'http://127.0.0.1:1/']) expect(isWebPage(url)).toBe(true);
    for (const url of [
      'file:///etc/passwd',
      'javascript:1',
      'http://id.example.com',
      '--help',
      '',
      'vscode://x',
    ]) {
      expect(isWebPage(url)).toBe(false);
    }
  });
  it('is not tried where it would open on another screen, or in the terminal', async () => {
    const page = 'https://id.example.com/';
    expect(await openInBrowser(page, { env: {}, platform: 'linux' })).toBe(false);
    expect(
      await openInBrowser(page, { env: { DISPLAY: ':0', SSH_CONNECTION: 'x' }, platform: 'linux' }),
    ).toBe(false);
  });
});
