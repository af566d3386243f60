/**
 * A command as data: what it is called, what it takes, how it is explained, what it does. Only program.ts
 * knows the parser; help, completion and documentation are made from the same description.
 */
import type { CommandContext } from './context.ts';

/** What a shell may offer for a value. */
export type Completes = 'target' | 'gateway' | 'file' | 'directory' | 'command' | 'nothing';

export interface ArgSpec {
  /** Upper case, as help shows it: `TARGET`. */
  readonly name: string;
  readonly summary: string;
  /** Refused with a usage error when missing. A command that can ask for it leaves this out. */
  readonly required?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

export interface OptionSpec {
  /** `--json`, `-p, --port <number>`, `--ttl [duration]` or `--no-browser`. */
  readonly flags: string;
  readonly summary: string;
  /** The environment variable that stands for the flag; a flag on the command line wins. */
  readonly env?: `GW_${string}`;
  readonly choices?: readonly string[];
  /** May be given several times; the value is then an array. In the environment, separated by commas. */
  readonly repeatable?: boolean;
  /** Turns the text into the value; throws GwError `usage`. */
  readonly parse?: (text: string) => unknown;
  readonly completes?: Completes;
  readonly hidden?: boolean;
}

export interface CommandInput {
  /** One entry for each ArgSpec, in order; undefined where it was not given. */
  readonly args: readonly (string | undefined)[];
  /** By the camel-case long name: `--no-browser` is `browser: false`. Absent when neither flag nor variable is given. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What stood behind `--`; empty unless the command is `passThrough`. */
  readonly rest: readonly string[];
  /** True when `--` was written, even with nothing behind it. */
  readonly hasRest: boolean;
  /** All commands, for help and completion. */
  readonly tree: readonly CommandEntry[];
}

export interface CommandSpec {
  readonly name: string;
  /** One line, no full stop: `Sign in to a gateway`. */
  readonly summary: string;
  /** Paragraphs shown after the examples. */
  readonly description?: string;
  /** Shown first in help. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly args: readonly ArgSpec[];
  readonly options: readonly OptionSpec[];
  readonly hidden?: boolean;
  /** Takes `-- CMD…`. */
  readonly passThrough?: boolean;
  /** Talks to no gateway: does not take `--gateway` and `--ca`. */
  readonly offline?: boolean;
  readonly subcommands?: readonly CommandSpec[];
  /** @returns the exit code. Throws GwError; its code decides the exit code then. */
  run(input: CommandInput, context: CommandContext): Promise<number>;
}

/** What is known of a command before its module is loaded, so that `gw --help` loads none. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** The heading it stands under in `gw --help`. */
  readonly group: 'Sign in' | 'Connect' | 'Look' | 'Run a gateway' | 'Shell';
  readonly hidden?: boolean;
  load(): Promise<CommandSpec>;
}
