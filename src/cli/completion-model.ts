import type { ArgSpec, CommandEntry, CommandSpec, Completes, OptionSpec } from './command.ts';
import {
  COMMON_OPTIONS,
  GATEWAY_OPTIONS,
  inheritedOptions,
  longFlag,
  shortFlag,
  valueName,
} from './global-options.ts';

/** What a shell script has to know, with nothing left to work out. */
export interface CompletionModel {
  readonly root: CompletionNode;
  /** All nodes, the root first. */
  readonly all: readonly CompletionNode[];
}

export interface CompletionNode {
  /** Words from the command on: empty for `gw` itself, `['tunnels', 'ls']`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly children: readonly CompletionNode[];
  readonly options: readonly CompletionOption[];
  readonly args: readonly CompletionValue[];
  readonly passThrough: boolean;
}

export interface CompletionOption {
  readonly long: string;
  readonly short: string | undefined;
  readonly summary: string;
  /** Undefined for a switch. */
  readonly value: CompletionValue | undefined;
  readonly repeatable: boolean;
}

export interface CompletionValue {
  readonly name: string;
  readonly choices: readonly string[];
  readonly completes: Completes;
}

/** Loads every command that is not hidden. */
export async function completionModel(entries: readonly CommandEntry[]): Promise<CompletionModel> {
  const shown = entries.filter((entry) => !entry.hidden);
  const children = await Promise.all(shown.map(async (entry) => nodeOf(await entry.load(), [])));
  const root: CompletionNode = {
    path: [],
    summary: 'Reach production PostgreSQL without ever holding its password',
    children,
    options: [...GATEWAY_OPTIONS, ...COMMON_OPTIONS, VERSION, HELP].map(toOption),
    args: [],
    passThrough: false,
  };
  return { root, all: flatten(root) };
}

const HELP: OptionSpec = { flags: '-h, --help', summary: 'Show help' };
const VERSION: OptionSpec = { flags: '-V, --version', summary: 'Show versions' };

function nodeOf(spec: CommandSpec, parents: readonly string[]): CompletionNode {
  const path = [...parents, spec.name];
  const options = [...spec.options, ...inheritedOptions(spec), HELP].filter((option) => !option.hidden);
  return {
    path,
    summary: spec.summary,
    children: (spec.subcommands ?? []).filter((sub) => !sub.hidden).map((sub) => nodeOf(sub, path)),
    options: options.map(toOption),
    args: spec.args.map(toValue),
    passThrough: spec.passThrough === true,
  };
}

const toValue = ({ name, choices, completes }: ArgSpec): CompletionValue => ({
  name,
  choices: choices ?? [],
  completes: completes ?? 'nothing',
});

function toOption(option: OptionSpec): CompletionOption {
  const name = valueName(option);
  const value: CompletionValue | undefined =
    name === undefined
      ? undefined
      : {
          name: name.slice(1, -1),
          choices: option.choices ?? [],
          completes: option.completes ?? 'nothing',
        };
  return {
    long: longFlag(option),
    short: shortFlag(option),
    summary: option.summary,
    value,
    repeatable: option.repeatable === true,
  };
}

const flatten = (node: CompletionNode): CompletionNode[] => [node, ...node.children.flatMap(flatten)];
