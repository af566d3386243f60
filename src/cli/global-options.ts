import type { CommandSpec, OptionSpec } from './command.ts';

/** Before or behind the command's name. */
export const GATEWAY_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--gateway <name>',
    summary: 'Profile or URL of the gateway (default: the last one signed in to)',
    env: 'GW_GATEWAY',
    completes: 'gateway',
  },
  {
    flags: '--ca <file>',
    summary: 'PEM file with more CA certificates to trust',
    env: 'GW_CA',
    completes: 'file',
  },
];

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flags: '-q, --quiet', summary: 'No notes on stderr; errors and warnings stay', env: 'GW_QUIET' },
];

/** For a command that lists or tells something. */
export const JSON_OPTION: OptionSpec = {
  flags: '--json',
  summary: 'Print JSON',
  env: 'GW_JSON',
};

/** The options of everybody that a command takes too, without those it has a meaning of its own for. */
export function inheritedOptions(spec: CommandSpec): OptionSpec[] {
  const own = new Set(spec.options.map((option) => longFlag(option)));
  return [...(spec.offline ? [] : GATEWAY_OPTIONS), ...COMMON_OPTIONS].filter(
    (option) => !own.has(longFlag(option)),
  );
}

/** `--no-browser` of `-n, --no-browser`; the whole flag, without its value. */
export function longFlag(option: OptionSpec): string {
  const flag = option.flags.split(/[ ,|]+/).find((part) => part.startsWith('--'));
  return flag ?? option.flags.split(/[ ,|]+/)[0]!;
}

/** `-q` of `-q, --quiet`. */
export function shortFlag(option: OptionSpec): string | undefined {
  return option.flags.split(/[ ,|]+/).find((part) => /^-[^-]$/.test(part));
}

/** `<name>` of `--gateway <name>`; undefined for a flag without a value. */
export function valueName(option: OptionSpec): string | undefined {
  return /[<[][^>\]]*[>\]]/.exec(option.flags)?.[0];
}

/** `noBrowser` is called `browser`: the name under which a command finds its value. */
export function optionKey(option: OptionSpec): string {
  const name = longFlag(option)
    .replace(/^--?/, '')
    .replace(/^no-(?=.)/, '');
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

export const isNegative = (option: OptionSpec): boolean => longFlag(option).startsWith('--no-');
