import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig, readConfig } from '../../../src/gateway/config/config.ts';
import { type References, systemReferences } from '../../../src/gateway/config/references.ts';
import { makeCerts, writeCerts } from '../../support/certs.ts';
import { completed } from './samples.ts';

let folder: string;
const ENV: Record<string, string> = { SET: 'hunter2', BLANK: '' };
const references: References = { ...systemReferences, env: (name) => ENV[name] };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gw-config-'));
  writeCerts(folder, await makeCerts());
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const protectedKey = privateKey.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  writeFileSync(join(folder, 'other.key'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(join(folder, 'protected.key'), protectedKey);
  writeFileSync(join(folder, 'secret'), 'hunter2\n');
  writeFileSync(join(folder, 'empty'), '\n');
  writeFileSync(join(folder, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
  mkdirSync(join(folder, 'sub'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const withSecret = (source: string) =>
  `targets: { db: { host: x, database: d, login: { user: u, password: ${source} }, connect: { groups: [g] } } }`;
const found = (text: string) =>
  (parseConfig(completed(text), join(folder, 'gw.yaml'), references).problems ?? []).map(
    ({ path, message }) => `${path}: ${message}`,
  );

describe('what the file refers to', () => {
  it.each<[string, ...(string | RegExp)[]]>([
    ['tls: { cert: tls.crt, key: tls.key }'],
    ['tls: { cert: nope.crt, key: tls.key }', /tls.cert: there is no such file/],
    ['tls: { cert: tls.crt, key: sub }', /tls.key: is a folder/],
    ['tls: { cert: secret, key: tls.key }', /tls.cert: holds no PEM certificate/],
    ['tls: { cert: tls.crt, key: secret }', /tls.key: holds no PEM private key/],
    ['tls: { cert: tls.crt, key: other.key }', /tls.key: is not the key of the certificate/],
    [
      'tls: { cert: tls.crt, key: protected.key }',
      /tls.key: holds no PEM private key .* without a passphrase/,
    ],
    [withSecret('{ env: SET }')],
    [withSecret('{ env: UNSET }'), /password.env: the environment variable UNSET is not set/],
    [withSecret('{ env: BLANK }'), /BLANK is empty/],
    [withSecret('{ file: secret }')],
    [withSecret('{ file: empty }'), /password.file: the file is empty/],
    [withSecret('{ file: nope }'), /no such file/],
    [withSecret('{ file: secret/x }'), /no such file/],
    [withSecret('{ command: [sh, -c, x] }')],
    [withSecret('{ command: [no-such-program-here] }'), /command\[0\]: there is no program/],
  ])('is looked at: %s', (text, ...messages) => {
    expect(found(text)).toEqual(messages.map((message) => expect.stringMatching(message)));
  });

  it('is looked at everywhere, also when the file has other problems', () => {
    const text = `
drain: never
control_database: { url: { env: U1 } }
identity_providers:
  - name: a
    issuer: https://a.example
    audience: [gw]
    kind: human
    token: introspection
    ca: nope
    discovery_token: { env: U2 }
    introspection: { client_id: a, client_secret: { env: U3 } }
targets:
  db:
    host: x
    database: d
    login: { user: u, password: { env: U4 } }
    tls: { ca: secret, cert: nope, key: tls.key }
    connect: { groups: [g] }
`;
    const paths = found(text).map((line) => line.split(':')[0]);
    expect(paths).toEqual([
      'drain',
      'control_database.url.env',
      'identity_providers[0].ca',
      'identity_providers[0].discovery_token.env',
      'identity_providers[0].introspection.client_secret.env',
      'targets.db.login.password.env',
      'targets.db.tls.ca',
      'targets.db.tls.cert',
    ]);
  });

  it('programs are found by path as well', () => {
    expect(systemReferences.executable(join(folder, 'tool'))).toBe(true);
    expect(systemReferences.executable(join(folder, 'secret'))).toBe(false);
  });
});

describe('loadConfig', () => {
  const file = (text: string) => {
    const path = join(folder, 'gw.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('reads a file; paths start from its folder', async () => {
    const config = await loadConfig(file(completed('')), references);
    expect(config).toMatchObject({ path: join(folder, 'gw.yaml'), data: join(folder, 'data') });
    expect(config.controlDatabase).toBeUndefined();
  });

  it('takes GW_DATABASE_URL when the file names no control database', async () => {
    const env = (name: string) => (name === 'GW_DATABASE_URL' ? 'postgres://x' : ENV[name]);
    const config = await loadConfig(file(completed('')), { ...references, env });
    expect(config.controlDatabase).toEqual({ url: { kind: 'env', name: 'GW_DATABASE_URL' } });
    const named = await loadConfig(file(completed('control_database: { url: { env: SET } }')), {
      ...references,
      env,
    });
    expect(named.controlDatabase).toEqual({ url: { kind: 'env', name: 'SET' } });
  });

  it('throws all problems, without values', async () => {
    const path = file(completed(`drain: never\n${withSecret('{ env: UNSET }')}`));
    const error = await loadConfig(path, references).catch((e) => e);
    expect(error).toMatchObject({
      code: 'configuration',
      message: `The configuration ${path} has 2 problems.`,
    });
    expect(error.detail).toMatch(/gw\.yaml:1:8: drain: is not a duration\n {4}Write it as 90s/);
    expect(error.detail).toMatch(/gw\.yaml:2:\d+: targets\.db\.login\.password\.env: /);
    expect((await readConfig(path, references)).problems).toHaveLength(2);
  });

  it.each([
    ['that does not exist', () => join(folder, 'nope.yaml'), /ENOENT/],
    ['that is a folder', () => join(folder, 'sub'), /not a file/],
    ['that is a device', () => '/dev/zero', /not a file/],
    ['that is too large', () => file('#'.repeat(1024 * 1024 + 1)), /larger than 1024 KiB/],
  ])('refuses a file %s', async (_, path, message) => {
    await expect(loadConfig(path())).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a file that is not UTF-8', async () => {
    const path = join(folder, 'latin1.yaml');
    writeFileSync(path, Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
    await expect(loadConfig(path)).rejects.toMatchObject({ code: 'configuration' });
  });
});
