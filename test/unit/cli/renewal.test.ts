import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileStore } from '../../../src/cli/auth/file-store.ts';
import type { Paths } from '../../../src/cli/auth/paths.ts';
import { accountOf, profileSource } from '../../../src/cli/auth/profile-source.ts';
import type { Profile } from '../../../src/cli/auth/profiles.ts';
import {
  isFresh,
  jwtLifetime,
  parseStored,
  type StoredTokens,
  toStored,
} from '../../../src/cli/auth/tokens.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { Secret } from '../../../src/core/secret.ts';
import { type IdentityProvider, startIdentityProvider, tokensFor } from '../../support/idp.ts';
import { handClock, tempPaths } from './support/fake-context.ts';
import { unsignedToken } from './support/fake-gateway.ts';
import { plainHttp, signInAt } from './support/sign-in.ts';

const run = promisify(execFile);

describe('stored tokens', () => {
  it('end by this clock, whatever the provider thinks the time is', () => {
    const stored = toStored({ access_token: 'a', expires_in: 300 }, 'access', 1_000);
    expect(stored).toMatchObject({ token: 'a', obtained_at_ms: 1_000, expires_at_ms: 301_000 });
    const id = unsignedToken({ iat: 50_000, exp: 50_600 });
    expect(toStored({ access_token: 'a', id_token: id }, 'id', 0)).toMatchObject({
      token: id,
      expires_at_ms: 600_000,
    });
  });

  it('keep the former refresh token when none came', () => {
    expect(toStored({ access_token: 'a' }, 'access', 0, 'old')?.refresh_token).toBe('old');
    expect(toStored({ access_token: 'a', refresh_token: 'new' }, 'access', 0, 'old')?.refresh_token).toBe(
      'new',
    );
    expect(toStored({ access_token: 'a' }, 'id', 0)).toBeUndefined();
  });

  it('are renewed before their end, and when the clock was set back', () => {
    const tokens = toStored({ access_token: 'a', expires_in: 600 }, 'access', 1_000_000)!;
    expect(isFresh(tokens, 1_000_000)).toBe(true);
    expect(isFresh(tokens, 1_539_999)).toBe(true);
    expect(isFresh(tokens, 1_540_000)).toBe(false);
    expect(isFresh(tokens, 0)).toBe(false);
  });

  it('are none when the text is none', () => {
    for (const text of ['', '{}', 'null', '{"version":2}']) expect(parseStored(text)).toBeUndefined();
    for (const token of ['', 'a.b.c', 'a..c', 'opaque']) expect(jwtLifetime(token)).toBeUndefined();
  });
});

describe('renewal', () => {
  let idp: IdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider();
  });
  afterAll(() => idp.stop());

  const profileOf = (provider: IdentityProvider): Profile => ({
    gateway: 'https://gw.example.com',
    sign_in: signInAt(provider),
    credentials: 'file',
  });

  /** A profile whose token ended, with a refresh token that is good. */
  async function stale(change: Partial<StoredTokens> = {}, paths: Paths = tempPaths()) {
    const profile = profileOf(idp);
    const store = fileStore(paths);
    const answer = await tokensFor(idp, 'alice', 'openid email offline_access');
    const tokens: StoredTokens = {
      version: 1,
      token: answer.access_token,
      refresh_token: answer.refresh_token!,
      obtained_at_ms: Date.now() - 600_000,
      expires_at_ms: Date.now() - 1,
      ...change,
    };
    await store.set(accountOf('p', profile), JSON.stringify(tokens));
    const http = await plainHttp();
    const source = profileSource({ name: 'p', profile, store, http, clock: systemClock, paths });
    const stored = async () => parseStored((await store.get(accountOf('p', profile)))!)!;
    return { paths, profile, store, source, tokens, stored, http };
  }

  it('takes a token that is good as it is', async () => {
    const { source, tokens } = await stale({ expires_at_ms: Date.now() + 3_600_000 });
    expect((await source.credential()).token.reveal()).toBe(tokens.token);
  });

  it('gets another one without a word, and keeps the rotated refresh token', async () => {
    const { source, tokens, stored } = await stale();
    const { token, expiresAtMs } = await source.credential();
    expect(token.reveal()).not.toBe(tokens.token);
    expect(expiresAtMs).toBeGreaterThan(Date.now());
    expect((await stored()).token).toBe(token.reveal());
    expect((await stored()).refresh_token).not.toBe(tokens.refresh_token);
  });

  it('happens once for all who wait', async () => {
    const { source } = await stale();
    const all = await Promise.all([1, 2, 3, 4].map(() => source.credential()));
    expect(new Set(all.map(({ token }) => token.reveal())).size).toBe(1);
  });

  it('happens once for several gw processes: a rotated refresh token is never spent twice', async () => {
    const { paths, profile } = await stale();
    const source = (name: string): string => JSON.stringify(join(import.meta.dirname, '../../../src', name));
    const script = `
      import { createHttp } from ${source('cli/auth/http.ts')};
      import { createTrust } from ${source('cli/auth/trust.ts')};
      import { fileStore } from ${source('cli/auth/file-store.ts')};
      import { profileSource } from ${source('cli/auth/profile-source.ts')};
      import { systemClock as clock } from ${source('core/clock.ts')};
      const paths = ${JSON.stringify(paths)};
      const http = createHttp({ trust: await createTrust({ gateway: new URL('https://gw.example.com') }), proxyFor: () => undefined, clock });
      const source = profileSource({ name: 'p', profile: ${JSON.stringify(profile)}, store: fileStore(paths), http, clock, paths });
      console.log((await source.credential()).token.reveal());
      await http.close();`;
    const children = [1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script]));
    const tokens = (await Promise.all(children)).map(({ stdout }) => stdout.trim());
    expect(new Set(tokens).size).toBe(1);
  });

  it('gets another one when the gateway did not take the one there is', async () => {
    const { source, tokens } = await stale({ expires_at_ms: Date.now() + 3_600_000 });
    const other = await source.credential(new Secret(tokens.token));
    expect(other.token.reveal()).not.toBe(tokens.token);
  });

  it('that is refused ends the sign-in: the way back is told, the dead tokens are removed', async () => {
    const { source, store, profile } = await stale({ refresh_token: 'spent' });
    await expect(source.credential()).rejects.toMatchObject({
      code: 'not_signed_in',
      exit: 4,
      hint: 'gw login https://gw.example.com',
    });
    expect(await store.get(accountOf('p', profile))).toBeUndefined();
    await expect(source.credential()).rejects.toMatchObject({ message: 'You are not signed in to p.' });
  });

  it('does without the provider while the token is good', async () => {
    const away = await startIdentityProvider();
    await away.stop();
    const { store, paths, http, tokens } = await stale();
    const profile = profileOf(away);
    const clock = handClock();
    const ending = { ...tokens, obtained_at_ms: clock.nowMs - 590_000, expires_at_ms: clock.nowMs + 10_000 };
    await store.set(accountOf('p', profile), JSON.stringify(ending));
    const source = profileSource({ name: 'p', profile, store, http, clock, paths });
    expect((await source.credential()).token.reveal()).toBe(tokens.token);
    clock.nowMs += 11_000;
    await expect(source.credential()).rejects.toMatchObject({
      code: 'identity_provider_unreachable',
      exit: 6,
    });
  });

  it('is not possible without a refresh token', async () => {
    const { source } = await stale({ refresh_token: undefined });
    await expect(source.credential()).rejects.toMatchObject({ code: 'not_signed_in' });
  });
});
