import type {
  CompletionModel,
  CompletionNode,
  CompletionOption,
  CompletionValue,
} from './completion-model.ts';

/** One `complete` line for each thing that can be typed, with the place where it can. */
export function fishScript({ all }: CompletionModel): string {
  const paths = all.filter((node) => node.path.length > 0).map((node) => quote(node.path.join(' ')));
  const valued = all.flatMap((node) => node.options.filter((option) => option.value));
  const flags = [...new Set(valued.flatMap(({ long, short }) => [long, ...(short ? [short] : [])]))];
  return `# fish completion for gw. Made by "gw completion fish"; load it with: gw completion fish | source

# The command and the number of plain arguments before the cursor: "connect 0".
function __gw_place
    set -l paths ${paths.join(' ')}
    set -l path
    set -l count 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
        else if test "$word" = --
            echo passed
            return
        else if contains -- $word ${flags.join(' ')}
            set skip 1
        else if string match -q -- '-*' $word
            continue
        else if contains -- "$(string join ' ' $path $word)" $paths
            set path $path $word
        else
            set count (math $count + 1)
        end
    end
    echo (string join ' ' -- $path $count)
end

function __gw_in
    test "$(string replace -r ' ?[0-9]+$' '' -- (__gw_place))" = "$argv[1]"
end

function __gw_at
    test "$(__gw_place)" = "$argv[1]"
end

function __gw_passed
    test "$(__gw_place)" = passed
end

complete -c gw -f
complete -c gw -n __gw_passed -F
${all.flatMap(nodeLines).join('\n')}
`;
}

function nodeLines(node: CompletionNode): string[] {
  const place = (count: number): string => quote(`__gw_at ${quote([...node.path, String(count)].join(' '))}`);
  const inside = quote(`__gw_in ${quote(node.path.join(' '))}`);
  return [
    ...node.children.map(
      (child) => `complete -c gw -n ${place(0)} -a ${child.path.at(-1)} -d ${quote(child.summary)}`,
    ),
    ...node.args
      .map((arg, index) => ({ index, words: valueWords(arg) }))
      .filter(({ words }) => words !== '')
      .map(({ index, words }) => `complete -c gw -n ${place(index)} ${words}`),
    ...node.options.map((option) => optionLine(option, inside)),
  ];
}

function optionLine({ long, short, summary, value }: CompletionOption, inside: string): string {
  const names = [`-l ${long.slice(2)}`, ...(short ? [`-s ${short.slice(1)}`] : [])].join(' ');
  const requires = value?.completes === 'file' ? '-r' : '-x';
  const takes = value ? ` ${requires} ${valueWords(value)}`.trimEnd() : '';
  return `complete -c gw -n ${inside} ${names}${takes} -d ${quote(summary)}`;
}

function valueWords(value: CompletionValue): string {
  if (value.choices.length > 0) return `-a ${quote(value.choices.join(' '))}`;
  switch (value.completes) {
    case 'target':
      return `-a ${quote('(command gw __complete targets 2>/dev/null)')}`;
    case 'gateway':
      return `-a ${quote('(command gw __complete gateways 2>/dev/null)')}`;
    case 'file':
      return '-F';
    case 'directory':
      return `-a ${quote('(__fish_complete_directories)')}`;
    case 'command':
      return `-a ${quote('(__fish_complete_command)')}`;
    default:
      return '';
  }
}

const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
