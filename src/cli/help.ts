/** Help texts, made from command descriptions: what it does, examples, then the rest. */
import type { CommandEntry, CommandSpec, OptionSpec } from './command.ts';
import { inheritedOptions } from './global-options.ts';
import type { Style } from './render/style.ts';
import { textWidth } from './render/width.ts';

const GAP = 2;

/** `gw --help`. */
export function rootHelp(
  entries: readonly CommandEntry[],
  options: readonly OptionSpec[],
  style: Style,
): string {
  const groups = new Map<string, [string, string][]>();
  for (const entry of entries.filter((one) => !one.hidden)) {
    groups.set(entry.group, [...(groups.get(entry.group) ?? []), [entry.name, entry.summary]]);
  }
  const examples: [string, string][] = [
    ['gw login https://gw.example.com', 'sign in, once'],
    ['gw ls', 'the databases you can reach'],
    ['gw psql prod-db', 'psql, through the gateway'],
    ['gw connect prod-db -- ./migrate.sh', 'a script with DATABASE_URL set'],
  ];
  const width = Math.max(...[...groups.values()].flat().map(([name]) => textWidth(name)));
  return page([
    'Reach production PostgreSQL without ever holding its password.',
    section('Examples', pairs(examples, style, '$ '), style),
    ...[...groups].map(([title, rows]) => section(title, pairs(rows, style, '', width), style)),
    section('Options', pairs(optionRows(options), style), style),
    'gw COMMAND --help tells more about a command.',
  ]);
}

/** `gw COMMAND --help`; `path` is the command with its parents, as typed. */
export function commandHelp(spec: CommandSpec, path: readonly string[], style: Style): string {
  const args = spec.args.map((arg): [string, string] => [
    arg.name,
    arg.choices ? `${arg.summary}: ${arg.choices.join(', ')}` : arg.summary,
  ]);
  const own = optionRows(spec.options);
  const subcommands = (spec.subcommands ?? []).filter((sub) => !sub.hidden);
  const subRows = subcommands.map((sub): [string, string] => [usageWords(sub), sub.summary]);
  return page([
    `${spec.summary}.`,
    section('Examples', pairs(spec.examples, style, '$ '), style),
    section('Usage', [`  gw ${[...path.slice(0, -1), usageWords(spec)].join(' ')}`], style),
    section('Commands', pairs(subRows, style), style),
    section('Arguments', pairs(args, style), style),
    section('Options', pairs(own, style), style),
    section('Common options', pairs(optionRows(inheritedOptions(spec)), style), style),
    spec.description,
  ]);
}

/** `connect [TARGET] [options] [-- CMD…]`. */
export function usageWords(spec: CommandSpec): string {
  const args = spec.args.map((arg) => (arg.required ? arg.name : `[${arg.name}]`));
  const tail = spec.passThrough ? ['[-- CMD…]'] : [];
  return [spec.name, ...args, ...(spec.options.length > 0 ? ['[options]'] : []), ...tail].join(' ');
}

function optionRows(options: readonly OptionSpec[]): [string, string][] {
  const shown = options.filter((option) => !option.hidden);
  const anyShort = shown.some((option) => /^-[^-]/.test(option.flags));
  return shown.map((option) => {
    const flags = anyShort && option.flags.startsWith('--') ? `    ${option.flags}` : option.flags;
    const choices = option.choices ? `: ${option.choices.join(', ')}` : '';
    return [flags, `${option.summary}${choices}${option.env ? `  [${option.env}]` : ''}`];
  });
}

function pairs(rows: readonly (readonly [string, string])[], style: Style, mark = '', least = 0): string[] {
  const width = Math.max(least, ...rows.map(([left]) => textWidth(left)));
  return rows.map(([left, right]) => {
    const space = ' '.repeat(width - textWidth(left) + GAP);
    return `  ${style.dim(mark)}${mark ? style.accent(left) : left}${space}${mark ? style.dim(right) : right}`;
  });
}

function section(title: string, lines: readonly string[], style: Style): string | undefined {
  return lines.length === 0 ? undefined : [style.strong(title), ...lines].join('\n');
}

const page = (parts: readonly (string | undefined)[]): string =>
  `${parts.filter((part) => part !== undefined && part !== '').join('\n\n')}\n`;
