import { describe, expect, it } from 'vitest';
import type { CommandEntry, CommandInput, CommandSpec } from '../../../src/cli/command.ts';
import { ALL_COMMANDS } from '../../../src/cli/commands.ts';
import type { CommandContext } from '../../../src/cli/context.ts';
import { longFlag } from '../../../src/cli/global-options.ts';
import { type Invocation, runProgram, wantsJson } from '../../../src/cli/program.ts';
import { PLAIN } from '../../../src/cli/render/style.ts';
import { GwError } from '../../../src/core/errors.ts';

/** A program with commands of its own that tell what they were called with. */
function rig(env: NodeJS.ProcessEnv = {}) {
  const calls: { name: string; input: CommandInput; invocation: Invocation }[] = [];
  const loaded: string[] = [];
  let invocation: Invocation | undefined;
  const spec = (name: string, more: Partial<CommandSpec> = {}): CommandSpec => ({
    name,
    summary: `Does ${name}`,
    examples: [[`gw ${name}`, 'an example']],
    args: [],
    options: [],
    run: async (input) => {
      calls.push({ name, input, invocation: invocation! });
      return 7;
    },
    ...more,
  });
  const specs: CommandSpec[] = [
    spec('list', { options: [{ flags: '--json', summary: 'JSON', env: 'GW_JSON' }] }),
    spec('open', {
      passThrough: true,
      args: [{ name: 'TARGET', summary: 'the target' }],
      options: [
        { flags: '-p, --port <number>', summary: 'Port', env: 'GW_PORT', parse: port },
        { flags: '--tag <tag>', summary: 'Tags', env: 'GW_TAGS', repeatable: true },
        { flags: '--kind <kind>', summary: 'Kind', env: 'GW_KIND', choices: ['a', 'b'] },
        { flags: '--no-browser', summary: 'No browser', env: 'GW_NO_BROWSER' },
      ],
    }),
    spec('need', { args: [{ name: 'NAME', summary: 'the name', required: true, choices: ['x', 'y'] }] }),
    spec('group', { subcommands: [spec('sub', { args: [{ name: 'ID', summary: 'the id' }] })] }),
    spec('alone', { offline: true }),
  ];
  const commands: CommandEntry[] = specs.map((one) => ({
    name: one.name,
    summary: one.summary,
    group: 'Look',
    load: async () => {
      loaded.push(one.name);
      return one;
    },
  }));
  let printed = '';
  const run = (...argv: string[]) =>
    runProgram(argv, {
      commands,
      env,
      style: PLAIN,
      print: (text) => {
        printed += text;
      },
      createContext: (given) => {
        invocation = given;
        return {} as CommandContext;
      },
    });
  const fails = async (...argv: string[]): Promise<GwError> => {
    const error = await run(...argv).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GwError);
    return error as GwError;
  };
  return { run, fails, calls, loaded, printed: () => printed };
}

const port = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new GwError('usage', `"${text}" is not a port.`);
  return Number(text);
};

describe('words on the command line', () => {
  it('run the command and give its exit code; only its module is loaded', async () => {
    const { run, calls, loaded } = rig();
    expect(await run('list')).toBe(7);
    expect(calls).toHaveLength(1);
    expect(loaded).toEqual(['list']);
  });

  it('carry options before and behind the name, and the inner one wins', async () => {
    const { run, calls } = rig();
    await run('--gateway', 'one', 'list', '--json', '-q');
    expect(calls[0]!.invocation).toEqual({ json: true, quiet: true, selection: { gateway: 'one' } });
    await run('--gateway', 'one', 'list', '--gateway', 'two', '--ca', 'f.pem');
    expect(calls[1]!.invocation).toEqual({
      json: false,
      quiet: false,
      selection: { gateway: 'two', ca: 'f.pem' },
    });
  });

  it('give what stands behind -- untouched, whatever it looks like', async () => {
    const { run, calls } = rig();
    await run('open', 'db', '--port', '5', '--', 'psql', '-c', 'select 1', '--help', '--', 'x');
    const { args, rest, hasRest, options } = calls[0]!.input;
    expect({ args, rest, hasRest, options }).toEqual({
      args: ['db'],
      rest: ['psql', '-c', 'select 1', '--help', '--', 'x'],
      hasRest: true,
      options: { port: 5 },
    });
    await run('open', '--', 'psql');
    expect(calls[1]!.input.args).toEqual([undefined]);
    expect(calls[1]!.input.rest).toEqual(['psql']);
    await run('open', 'db');
    expect(calls[2]!.input).toMatchObject({ args: ['db'], rest: [], hasRest: false });
  });

  it('reach subcommands, and their parent without one', async () => {
    const { run, calls } = rig();
    await run('group', 'sub', '7');
    await run('group');
    expect(calls.map(({ name, input }) => [name, input.args])).toEqual([
      ['sub', ['7']],
      ['group', []],
    ]);
  });

  it('are repeated and negated', async () => {
    const { run, calls } = rig();
    await run('open', '--tag', 'a', '--tag', 'b', '--no-browser');
    expect(calls[0]!.input.options).toEqual({ tag: ['a', 'b'], browser: false });
  });
});

describe('environment twins', () => {
  it('stand for flags; a flag on the command line wins', async () => {
    const { run, calls } = rig({
      GW_PORT: '6000',
      GW_TAGS: 'a, b',
      GW_NO_BROWSER: '1',
      GW_GATEWAY: 'env',
      GW_CA: '',
      GW_QUIET: 'no',
    });
    await run('open');
    expect(calls[0]!.input.options).toEqual({
      port: 6000,
      tag: ['a', 'b'],
      browser: false,
      gateway: 'env',
      quiet: false,
    });
    await run('open', '-p', '1', '--gateway', 'flag');
    expect(calls[1]!.input.options).toMatchObject({ port: 1, gateway: 'flag' });
    await run('--gateway', 'outer', 'open');
    expect(calls[2]!.input.options).toMatchObject({ gateway: 'outer' });
  });

  it('are refused when they cannot be understood', async () => {
    expect(await rig({ GW_QUIET: 'maybe' }).fails('list')).toMatchObject({ code: 'usage' });
    expect(await rig({ GW_PORT: 'x' }).fails('open')).toMatchObject({
      code: 'usage',
      message: '"x" is not a port.',
    });
    expect(await rig({ GW_KIND: 'c' }).fails('open')).toMatchObject({ code: 'usage' });
  });
});

describe('what cannot be understood', () => {
  it.each([
    [['lsit'], 'Unknown command "lsit".', 'Did you mean list?'],
    [['list', '--jsno'], 'Unknown option "--jsno".', 'Did you mean --json?'],
    [['list', 'x'], 'gw list takes no arguments, not "x".', 'gw list --help'],
    [['need'], 'gw need needs NAME: the name.', 'gw need x|y'],
    [['need', 'z'], '"z" is not a NAME.', 'It is one of x, y.'],
    [['open', '--port'], 'Option "-p, --port <number>" argument missing.', 'gw open --help'],
    [['open', '--port', 'x'], '"x" is not a port.', undefined],
    [['open', 'db', 'psql'], 'gw open takes one argument, not "psql".', 'gw open db -- psql'],
    [['alone', '--gateway', 'x'], 'Unknown option "--gateway".', 'gw alone --help'],
  ])('%j is a usage error with the way out', async (argv, message, hint) => {
    const error = await rig().fails(...argv);
    expect({ message: error.message, hint: error.hint, exit: error.exit }).toEqual({
      message,
      hint,
      exit: 2,
    });
  });
});

describe('help', () => {
  it('of everything is on stdout and loads no command', async () => {
    const { run, printed, loaded } = rig();
    expect(await run()).toBe(0);
    expect(await run('--help')).toBe(0);
    expect(loaded).toEqual([]);
    expect(printed()).toContain('Does list');
    expect(printed().indexOf('Examples')).toBeLessThan(printed().indexOf('Options'));
  });

  it.each([['--help'], ['-h']])('of a command with %s begins with examples', async (flag) => {
    const { run, printed, calls } = rig();
    expect(await run('open', flag)).toBe(0);
    expect(calls).toEqual([]);
    expect(printed()).toMatch(
      /^Does open\.\n\nExamples\n {2}\$ gw open {2}an example\n\nUsage\n {2}gw open \[TARGET\] \[options\] \[-- CMD…\]\n/,
    );
    expect(printed()).toContain('[GW_PORT]');
  });

  it('of a command can be asked for with "gw help"', async () => {
    const { run, printed } = rig();
    await run('help', 'group', 'sub');
    expect(printed()).toContain('gw group sub [ID]');
  });
});

describe('--json', () => {
  it('is known also when the words are not understood', () => {
    expect(wantsJson(['x', '--json'], {})).toBe(true);
    expect(wantsJson(['x', '--', '--json'], {})).toBe(false);
    expect(wantsJson(['x'], { GW_JSON: '1' })).toBe(true);
    expect(wantsJson(['x'], { GW_JSON: '0' })).toBe(false);
  });
});

describe('every command', () => {
  it.each(ALL_COMMANDS.map((entry) => [entry.name, entry] as const))(
    '%s keeps the habits',
    async (_, entry) => {
      const spec = await entry.load();
      const each = (one: CommandSpec): CommandSpec[] => [one, ...(one.subcommands ?? []).flatMap(each)];
      expect([spec.name, spec.summary]).toEqual([entry.name, entry.summary]);
      for (const one of each(spec)) {
        expect(one.summary, 'a summary is a line without a full stop').toMatch(/^[A-Z].*[^.]$/);
        if (one.hidden) continue;
        expect(one.examples.length, `${one.name} has examples`).toBeGreaterThan(0);
        for (const [command] of one.examples) expect(command).toContain('gw ');
        for (const option of one.options) {
          if (option.hidden) continue;
          expect(option.env, `${one.name} ${longFlag(option)} has a GW_* twin`).toMatch(/^GW_[A-Z0-9_]+$/);
        }
      }
    },
  );
});
