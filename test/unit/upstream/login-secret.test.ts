import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { Secret } from '../../../src/core/secret.ts';
import { type LoginSecret, loginSecret } from '../../../src/gateway/upstream/login-secret.ts';
import { commandOutput } from '../../../src/gateway/upstream/secret-command.ts';
import type { SecretSource } from '../../../src/gateway/upstream/types.ts';
import { tempDir } from '../../support/temp.ts';

const folder = tempDir('secret');
afterAll(() => folder[Symbol.dispose]());

let nowMs = 1_000;
const clock = { now: () => nowMs, monotonic: () => nowMs };
const make = (source: SecretSource, environment: NodeJS.ProcessEnv = {}): LoginSecret =>
  loginSecret(source, { clock, environment });
const valueIn = async (secret: LoginSecret): Promise<string> => (await secret.read()).reveal();

describe('a password from the environment', () => {
  it('is read when it is needed', async () => {
    const environment: NodeJS.ProcessEnv = { DB: 'one' };
    const secret = make({ kind: 'env', name: 'DB' }, environment);
    expect(await valueIn(secret)).toBe('one');
    environment.DB = 'two';
    expect(await valueIn(secret)).toBe('two');
    expect(await secret.renew(new Secret('two'))).toBe(false);
  });

  it('must be there', async () => {
    await expect(make({ kind: 'env', name: 'DB' }).read()).rejects.toThrow(/DB is not set/);
    await expect(make({ kind: 'env', name: 'DB' }, { DB: '' }).read()).rejects.toThrow(/DB is not set/);
  });
});

describe('a password from a file', () => {
  const path = join(folder.path, 'password');

  it('loses one line end and is read again when the file was replaced', async () => {
    writeFileSync(path, 'one \n');
    const secret = make({ kind: 'file', path });
    const first = await secret.read();
    expect(first.reveal()).toBe('one ');
    expect(await secret.read()).toBe(first);
    writeFileSync(`${path}.new`, 'two \r\n');
    renameSync(`${path}.new`, path);
    expect(await valueIn(secret)).toBe('two ');
  });

  it('is another one after a refusal only if the file says so', async () => {
    writeFileSync(path, 'three');
    const secret = make({ kind: 'file', path });
    const refused = await secret.read();
    expect(await secret.renew(refused)).toBe(false);
    writeFileSync(path, 'fourth');
    expect(await secret.renew(refused)).toBe(true);
    expect(await valueIn(secret)).toBe('fourth');
  });

  it('must be readable, not empty, not huge and without zero bytes', async () => {
    await expect(make({ kind: 'file', path: join(folder.path, 'none') }).read()).rejects.toThrow(
      /cannot be read/,
    );
    writeFileSync(path, '\n');
    await expect(make({ kind: 'file', path }).read()).rejects.toThrow(/is empty/);
    writeFileSync(path, 'x'.repeat(LIMITS.authMessageBytes + 1));
    await expect(make({ kind: 'file', path }).read()).rejects.toThrow(/too large/);
    writeFileSync(path, 'a\0b');
    await expect(make({ kind: 'file', path }).read()).rejects.toThrow(/zero byte/);
  });
});

describe('a password from a command', () => {
  const counter = join(folder.path, 'runs');
  const runs = (): number => readFileSync(counter, 'utf8').length;
  /** Prints `password-<n>`, n being the number of runs so far; notes each run. */
  const script = `
    const fs = require('node:fs');
    fs.appendFileSync(process.argv[1], 'x');
    console.log('password-' + fs.readFileSync(process.argv[1], 'utf8').length);`;
  const counting = (ttlMs: number): LoginSecret => {
    writeFileSync(counter, '');
    return make({ kind: 'command', argv: [process.execPath, '-e', script, counter], ttlMs });
  };
  const failing = (code: string, ...more: string[]): Promise<Secret> =>
    make({ kind: 'command', argv: [process.execPath, '-e', code, ...more], ttlMs: 1_000 }).read();

  it('is run once for all who wait and kept for its time', async () => {
    const secret = counting(60_000);
    const all = await Promise.all([valueIn(secret), valueIn(secret), valueIn(secret)]);
    expect(all).toEqual(['password-1', 'password-1', 'password-1']);
    nowMs += 59_999;
    expect(await valueIn(secret)).toBe('password-1');
    nowMs += 1;
    expect(await valueIn(secret)).toBe('password-2');
    expect(runs()).toBe(2);
  });

  it('is run again when the server refuses what it gave, but not in a storm', async () => {
    const secret = counting(60_000);
    const first = await secret.read();
    expect(await Promise.all([secret.renew(first), secret.renew(first)])).toEqual([true, true]);
    expect(runs()).toBe(2);
    const second = await secret.read();
    expect(second.reveal()).toBe('password-2');
    expect(await secret.renew(second)).toBe(false);
    expect(runs()).toBe(2);
    nowMs += LIMITS.loginRenewIntervalMs;
    expect(await secret.renew(second)).toBe(true);
    expect(runs()).toBe(3);
  });

  it('does not count as another one when it prints the same', async () => {
    const secret = make({
      kind: 'command',
      argv: [process.execPath, '-e', 'console.log("same")'],
      ttlMs: 60_000,
    });
    expect(await secret.renew(await secret.read())).toBe(false);
  });

  it('fails without telling what was printed or asked', async () => {
    const argument = 'argument-that-is-secret';
    await expect(failing('process.stderr.write("s3cret"); process.exit(3)', argument)).rejects.toSatisfy(
      (error: Error) =>
        /ended with exit code 3/.test(error.message) &&
        !/s3cret|argument/.test(`${error.stack}${error.cause}`),
    );
    await expect(failing('process.kill(process.pid, "SIGTERM")')).rejects.toThrow(/was ended by SIGTERM/);
    await expect(failing('')).rejects.toThrow(/printed no password/);
    await expect(failing('console.log("x".repeat(100000))')).rejects.toThrow(/printed too much/);
    await expect(make({ kind: 'command', argv: ['/nonexistent/tool'], ttlMs: 1 }).read()).rejects.toThrow(
      /could not be started \(ENOENT\)/,
    );
    await expect(make({ kind: 'command', argv: [], ttlMs: 1 }).read()).rejects.toThrow(/empty command/);
  });

  it('is killed when it takes too long', async () => {
    const argv = [process.execPath, '-e', 'setTimeout(() => {}, 60_000)'];
    await expect(commandOutput(argv, 300)).rejects.toThrow(/within 0.3 seconds/);
  });

  it('runs again after a failure', async () => {
    const path = join(folder.path, 'later');
    const code = 'process.stdout.write(require("node:fs").readFileSync(process.argv[1]))';
    const secret = make({ kind: 'command', argv: [process.execPath, '-e', code, path], ttlMs: 60_000 });
    await expect(secret.read()).rejects.toThrow(/exit code 1/);
    writeFileSync(path, 'here now');
    expect(await valueIn(secret)).toBe('here now');
  });
});
