import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SHELLS } from '../../../src/cli/commands/completion.ts';
import { ALL_COMMANDS } from '../../../src/cli/commands.ts';
import { completionModel } from '../../../src/cli/completion-model.ts';
import { tempDir } from '../../support/temp.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const scripts = join(root, 'completions');

const has = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe('completions/', () => {
  it.each(Object.entries(SHELLS))(
    'has the script that "gw completion %s" prints',
    async (_, { file, script }) => {
      const expected = script(await completionModel(ALL_COMMANDS));
      expect(
        readFileSync(join(scripts, file), 'utf8'),
        'out of date: run "node bin/gw.js completion bash --write completions"',
      ).toBe(expected);
    },
  );
});

/** A `gw` that answers `__complete` as the real one would, and writes down how it was asked. */
function stubGw(): { path: string; asked: () => string } {
  const folder = tempDir('completion').path;
  const log = join(folder, 'log');
  writeFileSync(log, '');
  writeFileSync(
    join(folder, 'gw'),
    `#!/bin/sh\necho "$@" >> '${log}'\ncase "$2" in targets) printf 'prod-db\\nprod-eu\\nstage-db\\n';; gateways) printf 'eu\\nus\\n';; esac\n`,
  );
  chmodSync(join(folder, 'gw'), 0o755);
  return { path: `${folder}:${process.env.PATH}`, asked: () => readFileSync(log, 'utf8') };
}

describe.runIf(has('bash'))('in bash', () => {
  async function complete(...words: string[]): Promise<string[]> {
    const { path } = stubGw();
    const list = words.map((word) => `'${word}'`).join(' ');
    const script = `source '${join(scripts, 'gw.bash')}'; compopt() { :; }; COMP_WORDS=(gw ${list}); COMP_CWORD=${words.length}; _gw; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['--norc', '-c', script], { env: { ...process.env, PATH: path } });
    return stdout.split('\n').filter(Boolean);
  }

  it.each<[string[], string[]]>([
    [['lo'], ['login', 'logout']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'powershell'],
    ],
    [['completion', 'bash', ''], []],
    [['ls', '--j'], ['--json']],
    [
      ['doctor', 'prod'],
      ['prod-db', 'prod-eu'],
    ],
    [['doctor', 'prod-db', ''], []],
    [
      ['ls', '--gateway', ''],
      ['eu', 'us'],
    ],
    [['--gateway', 'eu', 'doctor', 's'], ['stage-db']],
    [['login', '--provider', ''], []],
    [['nonsense', ''], []],
  ])('%j offers %j', async (words, offered) => {
    expect((await complete(...words)).sort()).toEqual([...offered].sort());
  });

  it('asks for the names of the gateway that is on the line', async () => {
    const { path, asked } = stubGw();
    const script = `source '${join(scripts, 'gw.bash')}'; COMP_WORDS=(gw doctor --gateway us ''); COMP_CWORD=4; _gw`;
    await run('bash', ['--norc', '-c', script], { env: { ...process.env, PATH: path } });
    expect(asked()).toBe('__complete targets --gateway us\n');
  });

  it('never expands a name', async () => {
    const folder = tempDir('completion').path;
    writeFileSync(join(folder, 'gw'), `#!/bin/sh\nprintf '%s\\n' '$(touch ${folder}/pwned)' '*' 'ok'\n`);
    chmodSync(join(folder, 'gw'), 0o755);
    const script = `source '${join(scripts, 'gw.bash')}'; COMP_WORDS=(gw doctor ''); COMP_CWORD=2; _gw; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['--norc', '-c', script], {
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    });
    expect(stdout.trim().split('\n')).toEqual([`$(touch ${folder}/pwned)`, '*', 'ok']);
    await expect(run('ls', [join(folder, 'pwned')])).rejects.toThrow();
  });
});

describe.runIf(has('fish'))('in fish', () => {
  async function complete(line: string): Promise<string[]> {
    const { path } = stubGw();
    const script = `source '${join(scripts, 'gw.fish')}'; complete -C '${line}'`;
    const { stdout } = await run('fish', ['--no-config', '-c', script], {
      env: { ...process.env, PATH: path },
    });
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((one) => one.split('\t')[0]!);
  }
  it.each([
    ['gw lo', ['login', 'logout']],
    ['gw completion ', ['bash', 'fish', 'powershell', 'zsh']],
    ['gw doctor prod', ['prod-db', 'prod-eu']],
    ['gw ls --gateway ', ['eu', 'us']],
    ['gw ls --js', ['--json']],
  ])('"%s" offers %j', async (line, offered) => {
    expect((await complete(line)).sort()).toEqual(offered);
  });
});

describe.runIf(has('zsh'))('in zsh', () => {
  it('loads without complaint', async () => {
    const script = `autoload -Uz compinit && compinit -D -u; source '${join(scripts, '_gw')}'; whence -w _gw; print $_comps[gw]`;
    const { stdout, stderr } = await run('zsh', ['-f', '-c', script]);
    expect([stdout.trim().split('\n'), stderr]).toEqual([['_gw: function', '_gw'], '']);
  });
});

describe.runIf(has('pwsh'))('in PowerShell', () => {
  it('offers commands', async () => {
    const script = `. '${join(scripts, 'gw.ps1')}'; (TabExpansion2 'gw lo' 5).CompletionMatches.CompletionText`;
    const { stdout } = await run('pwsh', ['-NoProfile', '-Command', script]);
    expect(stdout.trim().split('\n').sort()).toEqual(['login', 'logout']);
  });
});
