import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../src/core/version.ts';
import { GW, gw, gwOnTerminal, newHome } from './support/cli.ts';

const run = promisify(execFile);

describe('streams and exit codes', () => {
  it.each([
    [['--version'], 0],
    [[], 0],
    [['--help'], 0],
    [['ls', '--help'], 0],
    [['completion', 'bash'], 0],
    [['nonsense'], 2],
    [['ls', '--nonsense'], 2],
    [['ls'], 4],
    [['whoami', '--gateway', 'https://127.0.0.1:1'], 4],
    [['ls', '--gateway', 'typo'], 9],
    [['login', 'http://gw.example.com'], 2],
    [['login', 'https://127.0.0.1:1'], 6],
    [['login', 'https://127.0.0.1:1', '--ca', '/no/such/file'], 3],
    [['serve', '--config', '/no/such/file'], 3],
  ] as [string[], number][])('gw %j ends with %i', async (args, expected) => {
    const { code, stdout, stderr } = await gw(args, newHome().env);
    expect({ code, stderr }).toMatchObject({ code: expected });
    if (expected === 0) expect([stdout !== '', stderr]).toEqual([true, '']);
    else {
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^gw: /);
      expect(stderr, 'no stack trace').not.toMatch(/^\s+at /m);
    }
  });

  it('with --json the error is JSON, on stderr', async () => {
    const { code, stdout, stderr } = await gw(['ls', '--json'], newHome().env);
    expect([code, stdout]).toEqual([4, '']);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'not_signed_in', hint: expect.stringContaining('gw login') },
    });
  });

  it('the version is for people and for programs', async () => {
    const { env } = newHome();
    expect((await gw(['--version'], env)).stdout).toBe(
      `gw ${VERSION} (node ${process.versions.node}, ${process.platform} ${process.arch})\n`,
    );
    expect(JSON.parse((await gw(['--version', '--json'], env)).stdout)).toMatchObject({ gw: VERSION });
  });

  it('a reader that goes away is no error', async () => {
    const { env } = newHome();
    const { stdout, stderr } = await run(
      'bash',
      [
        '-c',
        `set -o pipefail; '${process.execPath}' '${GW}' completion bash | head -1; echo "\${PIPESTATUS[0]}"`,
      ],
      { env },
    );
    expect([stdout.split('\n')[1], stderr]).toEqual(['0', '']);
  });

  it('a damaged file is told with its name and the way out', async () => {
    const { env, path } = newHome();
    mkdirSync(join(path, '.config/gw'), { recursive: true });
    writeFileSync(join(path, '.config/gw/profiles.json'), '{"version":1');
    const { code, stderr } = await gw(['ls'], env);
    expect(code).toBe(3);
    expect(stderr).toContain(join(path, '.config/gw/profiles.json'));
  });

  it('GW_DEBUG shows what lies behind', async () => {
    const { env } = newHome();
    const args = ['login', 'https://127.0.0.1:1'];
    expect((await gw(args, env)).stderr).not.toContain('ECONNREFUSED');
    expect((await gw(args, { ...env, GW_DEBUG: '1' })).stderr).toContain('ECONNREFUSED');
  });
});

describe('colour', () => {
  it('is on a terminal only, and NO_COLOR turns it off', async () => {
    const { env } = newHome();
    const colour = /\x1b\[\d+m/;
    expect((await gw(['--help'], env)).stdout).not.toMatch(colour);
    expect((await gw(['--help'], { ...env, FORCE_COLOR: '1' })).stdout).toMatch(colour);
    const plain = gwOnTerminal(['--help'], { ...env, NO_COLOR: '1' });
    await plain.ended;
    expect(plain.raw()).not.toMatch(colour);
    const dressed = gwOnTerminal(['--help'], env);
    await dressed.ended;
    expect(dressed.raw()).toMatch(colour);
  });
});
