import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGatewayUrl, profileNameFor } from '../../../src/cli/auth/gateway-url.ts';
import {
  checkProfileName,
  type Profile,
  type Profiles,
  parseProfiles,
  profilesPath,
  readProfiles,
  rememberPlace,
  removeProfile,
  saveProfile,
} from '../../../src/cli/auth/profiles.ts';
import { selectGateway } from '../../../src/cli/auth/select-gateway.ts';
import { tempPaths } from './support/fake-context.ts';

const profile = (gateway: string): Profile => ({
  gateway,
  sign_in: {
    name: 'corp',
    issuer: 'https://id.example.com',
    client_id: 'gw',
    scopes: ['openid'],
    token: 'access',
  },
  credentials: 'file',
});

describe('profiles', () => {
  it('are none without a file', async () => {
    expect(await readProfiles(tempPaths())).toEqual({ version: 1, profiles: {} });
  });

  it('are kept, private, and without being lost when several are saved at once', async () => {
    const paths = tempPaths();
    const names = Array.from({ length: 8 }, (_, index) => `p${index}`);
    await Promise.all(names.map((name) => saveProfile(paths, name, profile(`https://${name}.example.com`))));
    expect(Object.keys((await readProfiles(paths)).profiles).sort()).toEqual(names);
    expect(statSync(profilesPath(paths)).mode & 0o777).toBe(0o600);
    expect(readFileSync(profilesPath(paths), 'utf8')).not.toMatch(/token"\s*:\s*"ey/);
  });

  it('make the one that was saved last the current one, and go on with the only one left', async () => {
    const paths = tempPaths();
    await saveProfile(paths, 'a', profile('https://a.example.com'));
    await saveProfile(paths, 'b', profile('https://b.example.com'));
    expect((await readProfiles(paths)).current).toBe('b');
    await rememberPlace(paths, 'a', 'keyring');
    expect((await removeProfile(paths, 'b')).current).toBe('a');
    expect((await readProfiles(paths)).profiles.a!.credentials).toBe('keyring');
    expect(await removeProfile(paths, 'a')).toEqual({ version: 1, profiles: {} });
  });

  it.each([
    ['{', 'It is not JSON.'],
    ['[]', 'the whole'],
    ['{"version":1,"profiles":{"../x":{}}}', 'profiles'],
    ['{"version":1,"profiles":{"a":{"gateway":"nope"}}}', 'profiles.a.gateway'],
    ['{"version":1,"profiles":{},"extra":1}', 'extra'],
  ])('tell what is wrong with %s', (text, what) => {
    const thrown = (() => {
      try {
        return parseProfiles(text, '/x/profiles.json');
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({ code: 'configuration', message: '/x/profiles.json is damaged.' });
    expect((thrown as { detail: string }).detail).toContain(what);
    expect((thrown as { hint: string }).hint).toContain('gw login');
  });

  it('of a newer gw are left alone', () => {
    expect(() => parseProfiles('{"version":2}', 'p')).toThrow(/newer gw/);
  });

  it('never crash on what is in the file', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseProfiles(text, 'p');
        } catch (error) {
          expect(error).toMatchObject({ code: 'configuration' });
        }
      }),
    );
  });

  it('are not overwritten when they are damaged', async () => {
    const paths = tempPaths();
    mkdirSync(paths.config, { recursive: true });
    writeFileSync(profilesPath(paths), 'damaged');
    await expect(saveProfile(paths, 'a', profile('https://a.example.com'))).rejects.toMatchObject({
      code: 'configuration',
    });
    expect(readFileSync(profilesPath(paths), 'utf8')).toBe('damaged');
  });

  it('have names that are safe as file names and words', () => {
    for (const good of ['a', 'eu-1', 'gw.example.com-8443']) checkProfileName(good);
    for (const bad of ['', '-a', 'a/b', '__proto__', '../x', 'a b', 'a'.repeat(101)]) {
      expect(() => checkProfileName(bad)).toThrow(/profile/);
    }
  });
});

describe('the URL of a gateway', () => {
  it.each([
    ['gw.example.com', 'https://gw.example.com', 'gw.example.com'],
    ['gw.example.com:8443', 'https://gw.example.com:8443', 'gw.example.com-8443'],
    ['https://GW.example.com/', 'https://gw.example.com', 'gw.example.com'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', '127.0.0.1-8080'],
    ['https://[::1]:8443', 'https://[::1]:8443', '1-8443'],
    ['http://localhost:1', 'http://localhost:1', 'localhost-1'],
  ])('%s is %s, profile %s', (text, origin, name) => {
    const url = parseGatewayUrl(text);
    expect([url.origin, profileNameFor(url)]).toEqual([origin, name]);
    checkProfileName(profileNameFor(url));
  });

  it.each([
    'http://gw.example.com',
    'ftp://x',
    'https://u:p@x.example',
    'https://x.example/path',
    'https://x/?a',
    '',
    'https://',
  ])('%j is refused', (text) => {
    expect(() => parseGatewayUrl(text)).toThrow();
  });
});

describe('choosing a gateway', () => {
  const two: Profiles = {
    version: 1,
    current: 'b',
    profiles: {
      a: profile('https://a.example.com'),
      b: profile('https://b.example.com'),
      b2: profile('https://b.example.com'),
    },
  };

  it('takes the current one, a name, or a URL with its profile', () => {
    expect(selectGateway(undefined, two).name).toBe('b');
    expect(selectGateway('a', two).name).toBe('a');
    expect(selectGateway('https://a.example.com', two).name).toBe('a');
    expect(selectGateway('b.example.com', two).name).toBe('b');
    expect(selectGateway('https://new.example.com:1', two)).toMatchObject({
      name: 'new.example.com-1',
      profile: undefined,
    });
  });

  it('tells what to do when it cannot', () => {
    const code = (given: string | undefined, all: Profiles): unknown => {
      try {
        return selectGateway(given, all).name;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code(undefined, { version: 1, profiles: {} })).toBe('not_signed_in');
    expect(code(undefined, { version: 1, profiles: two.profiles })).toBe('usage');
    expect(code('typo', two)).toBe('not_found');
    expect(code('constructor', two)).toBe('not_found');
    expect(code(undefined, { version: 1, profiles: { a: two.profiles.a! } })).toBe('a');
  });
});
