import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/core/version.ts';
import { ROOT } from '../support/markdown.ts';
import { tempDir } from '../support/temp.ts';
import { newHome } from './support/cli.ts';
import { startShell } from './support/shell.ts';

/** The package as people get it: packed, installed with plain npm in an empty folder, started there. */
const TIMEOUT_MS = 180_000;

let folder: string;
let installed: string;
/** The temp folder of what is started here: other tests look at what a demo leaves in the system's. */
let temp: string;
/** npm as the user of this machine has set it up (cache, registry), but not as the child of `npm test`. */
const npmEnv = (): NodeJS.ProcessEnv => {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_(package|lifecycle|config_(local_prefix|global_prefix|prefix)$|command|execpath)/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: path(dirname(process.execPath)) };
};
const path = (first: string): string => `${first}${delimiter}${process.env.PATH}`;

beforeAll(async () => {
  folder = tempDir('package').path;
  temp = join(folder, 'tmp');
  mkdirSync(temp);
  for (const each of [folder, temp]) chmodSync(each, 0o711); // the demo's PostgreSQL passes through
  const prefix = join(folder, 'prefix');
  const env = { ...npmEnv(), npm_config_prefix: prefix, npm_config_prefer_offline: 'true' };
  await succeed(`npm pack --pack-destination "${folder}"`, ROOT, env);
  await succeed('npm install --global ./gw-*.tgz --no-audit --no-fund', folder, env);
  installed = join(prefix, 'lib/node_modules/gw');
}, TIMEOUT_MS);

const run = (command: string) => {
  const bin = `${join(folder, 'prefix/bin')}${delimiter}${dirname(process.execPath)}`;
  const { env } = newHome({ PATH: path(bin), TMPDIR: temp });
  return startShell(command, { cwd: folder, env }).ended;
};

async function succeed(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { code, stdout, stderr } = await startShell(command, { cwd, env }).ended;
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${stdout}${stderr}`);
}

describe('the package', () => {
  it('holds what runs and what people read, and no sources', () => {
    expect(
      readdirSync(installed)
        .filter((name) => name !== 'node_modules')
        .toSorted(),
    ).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'SECURITY.md',
        'bin',
        'completions',
        'dist',
        'docs',
        'package.json',
      ].toSorted(),
    );
  });

  it('says its version', async () => {
    const { code, stdout } = await run('gw --version');
    expect([code, stdout]).toEqual([0, expect.stringContaining(`gw ${VERSION} (node `)]);
  });

  it('helps', async () => {
    const { code, stdout, stderr } = await run('gw --help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('gw login https://gw.example.com');
  });

  it('finds what is wrong with a configuration', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'listen: nowhere\ntargetz: {}\n');
    const { code, stderr } = await run('gw serve --config bad.yaml --check');
    expect(code, stderr).toBe(3);
    expect(stderr).toContain('bad.yaml:2');
    expect(stderr).toContain('targetz');
  });

  it(
    'shows the demo',
    async () => {
      const { code, stdout, stderr } = await run('gw demo --no-stay');
      expect(code, `${stdout}${stderr}`).toBe(0);
      expect(readdirSync(temp).filter((name) => name.startsWith('gw-demo'))).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
