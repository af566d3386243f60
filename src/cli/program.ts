/**
 * From words on the command line to a command's run: the only file that knows commander. A command's module
 * is loaded between its name and its options, so that `gw --help` and a mistyped name load none.
 */
import { Command, CommanderError, Option } from 'commander';
import { GwError } from '../core/errors.ts';
import type { CommandEntry, CommandInput, CommandSpec, OptionSpec } from './command.ts';
import type { CommandContext, GatewaySelection } from './context.ts';
import { envTwins } from './env-twins.ts';
import {
  COMMON_OPTIONS,
  GATEWAY_OPTIONS,
  inheritedOptions,
  JSON_OPTION,
  optionKey,
} from './global-options.ts';
import { commandHelp, rootHelp } from './help.ts';
import type { Style } from './render/style.ts';

export interface Invocation {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly selection: GatewaySelection;
}

export interface ProgramDeps {
  readonly commands: readonly CommandEntry[];
  readonly env: NodeJS.ProcessEnv;
  /** Dresses help texts. */
  readonly style: Style;
  /** Help goes to stdout: it was asked for. */
  print(text: string): void;
  createContext(invocation: Invocation): CommandContext;
}

const ROOT_OPTIONS: readonly OptionSpec[] = [
  { flags: '-V, --version', summary: 'Version of gw, of Node.js and the platform (--json)' },
  { flags: '-h, --help', summary: 'This text, or that of a command' },
];

/**
 * Runs the command that `argv` (without node and script) names.
 * @returns its exit code. Throws GwError `usage` for words that cannot be understood.
 */
export async function runProgram(argv: readonly string[], deps: ProgramDeps): Promise<number> {
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv];
  if (words.length === 0) words.push('--help');
  const outcome = { code: 0 };
  const root = rootCommand(words, deps, outcome);
  try {
    await root.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return handleCommander(error, words);
    throw error;
  }
  return outcome.code;
}

function rootCommand(words: readonly string[], deps: ProgramDeps, outcome: { code: number }): Command {
  const root = quietCommand(new Command('gw'), deps);
  root.enablePositionalOptions().helpCommand(false);
  addOptions(root, [...GATEWAY_OPTIONS, ...COMMON_OPTIONS]);
  root.configureHelp({
    formatHelp: () =>
      rootHelp(deps.commands, [...ROOT_OPTIONS, ...GATEWAY_OPTIONS, ...COMMON_OPTIONS], deps.style),
  });
  const byName = new Map(deps.commands.map((entry) => [entry.name, entry]));
  for (const entry of deps.commands) {
    quietCommand(root.command(entry.name, { hidden: entry.hidden ?? false }), deps);
  }
  root.hook('preSubcommand', async (_, command) => {
    const spec = await byName.get(command.name())!.load();
    defineCommand(command, spec, [spec.name], { words, deps, outcome, root });
  });
  return root;
}

interface Definition {
  readonly words: readonly string[];
  readonly deps: ProgramDeps;
  readonly outcome: { code: number };
  readonly root: Command;
}

function defineCommand(
  command: Command,
  spec: CommandSpec,
  path: readonly string[],
  definition: Definition,
): void {
  const { deps } = definition;
  const options = [...spec.options, ...inheritedOptions(spec)];
  addOptions(command, options);
  for (const arg of spec.args) command.argument(`[${arg.name}]`);
  if (spec.passThrough) command.argument('[CMD...]');
  command.configureHelp({ formatHelp: () => commandHelp(spec, path, deps.style) });
  for (const sub of spec.subcommands ?? []) {
    const child = quietCommand(command.command(sub.name, { hidden: sub.hidden ?? false }), deps);
    defineCommand(child, sub, [...path, sub.name], definition);
  }
  command.helpCommand(false);
  command.action(async () => {
    const values = { ...optionValues(definition.root, [...GATEWAY_OPTIONS, ...COMMON_OPTIONS], deps.env) };
    Object.assign(values, optionValues(command, options, deps.env, values));
    const input: CommandInput = {
      ...splitArguments(spec, command.args, definition.words),
      options: values,
      tree: deps.commands,
    };
    definition.outcome.code = await spec.run(input, deps.createContext(invocationOf(values)));
  });
}

/** Options as given, or by their variable; `outer` holds what was given before the command's name. */
function optionValues(
  command: Command,
  options: readonly OptionSpec[],
  env: NodeJS.ProcessEnv,
  outer: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const given = new Set(options.map(optionKey).filter((key) => command.getOptionValueSource(key) === 'cli'));
  const own = Object.fromEntries([...given].map((key) => [key, command.getOptionValue(key) as unknown]));
  return { ...envTwins(options, new Set([...given, ...Object.keys(outer)]), env), ...own };
}

function invocationOf(values: Readonly<Record<string, unknown>>): Invocation {
  const { gateway, ca } = values as { gateway?: string; ca?: string };
  return {
    json: values.json === true,
    quiet: values.quiet === true,
    selection: { ...(gateway ? { gateway } : {}), ...(ca ? { ca } : {}) },
  };
}

/** commander joins what stands before and behind `--`; what is behind is the tail of the words as typed. */
function splitArguments(
  spec: CommandSpec,
  operands: readonly string[],
  words: readonly string[],
): Pick<CommandInput, 'args' | 'rest' | 'hasRest'> {
  const dashes = spec.passThrough ? words.indexOf('--') : -1;
  const rest = dashes < 0 ? [] : words.slice(dashes + 1);
  const args = operands.slice(0, operands.length - rest.length);
  if (args.length > spec.args.length) {
    throw new GwError('usage', `gw ${spec.name} takes ${countOf(spec.args.length)}, not "${args.at(-1)}".`, {
      hint: spec.passThrough
        ? `gw ${spec.name} ${args[0]} -- ${args.slice(1).join(' ')}`
        : `gw ${spec.name} --help`,
    });
  }
  spec.args.forEach((arg, index) => {
    const value = args[index];
    if (value === undefined && arg.required) {
      throw new GwError('usage', `gw ${spec.name} needs ${arg.name}: ${arg.summary}.`, {
        hint: `gw ${spec.name} ${arg.choices?.join('|') ?? arg.name}`,
      });
    }
    if (value !== undefined && arg.choices && !arg.choices.includes(value)) {
      throw new GwError('usage', `"${value}" is not a ${arg.name}.`, {
        hint: `It is one of ${arg.choices.join(', ')}.`,
      });
    }
  });
  return { args: spec.args.map((_, index) => args[index]), rest, hasRest: dashes >= 0 };
}

const countOf = (count: number): string =>
  count === 0 ? 'no arguments' : count === 1 ? 'one argument' : `${count} arguments`;

function addOptions(command: Command, options: readonly OptionSpec[]): void {
  for (const spec of options) {
    const option = new Option(spec.flags, spec.summary);
    if (spec.choices) option.choices(spec.choices);
    if (spec.parse || spec.repeatable) {
      option.argParser((text: string, previous: unknown) => {
        const value = spec.parse ? spec.parse(text) : text;
        return spec.repeatable ? [...((previous as unknown[] | undefined) ?? []), value] : value;
      });
    }
    command.addOption(option);
  }
}

/** Texts and endings are ours: commander prints nothing itself and ends nothing. */
function quietCommand(command: Command, deps: ProgramDeps): Command {
  return command
    .exitOverride()
    .allowExcessArguments()
    .helpOption('-h, --help', 'This text')
    .configureOutput({ writeOut: (text) => deps.print(text), writeErr: () => {}, outputError: () => {} });
}

function handleCommander(error: CommanderError, words: readonly string[]): number {
  if (error.exitCode === 0) return 0;
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const command = words.find((word) => !word.startsWith('-'));
  const known = error.code === 'commander.unknownCommand' ? 'gw --help' : `gw ${command ?? ''} --help`;
  const text = message.replaceAll("'", '"');
  throw new GwError(
    'usage',
    `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`,
    {
      hint: suggestion ? suggestion.replace(/^\(|\)$/g, '') : known.replace('  ', ' '),
      cause: error,
    },
  );
}

/** Whether `--json` was asked for, also where the words could not be understood. */
export function wantsJson(argv: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  return (
    own.includes('--json') || ['1', 'true', 'yes', 'on'].includes(env[JSON_OPTION.env!]?.toLowerCase() ?? '')
  );
}
