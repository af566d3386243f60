import type {
  CompletionModel,
  CompletionNode,
  CompletionOption,
  CompletionValue,
} from './completion-model.ts';

const functionName = (node: CompletionNode): string => ['_gw', ...node.path].join('_').replaceAll('-', '_');

/** One function for each command, as `compinit` and `_arguments` want them. */
export function zshScript({ all, root }: CompletionModel): string {
  return `#compdef gw
# zsh completion for gw. Made by "gw completion zsh"; put it into a folder of $fpath as _gw,
# or load it with: source <(gw completion zsh)

_gw_live() {
  local -a names extra
  [[ -n \${opt_args[--gateway]} ]] && extra=(--gateway "\${opt_args[--gateway]}")
  names=(\${(f)"$(command gw __complete $1 $extra 2>/dev/null)"})
  (( $#names )) && compadd -a names
}
_gw_targets() { _gw_live targets }
_gw_gateways() { _gw_live gateways }

${all.map(nodeFunction).join('\n')}
if [[ $funcstack[1] == ${functionName(root)} ]]; then
  ${functionName(root)} "$@"
else
  compdef ${functionName(root)} gw
fi
`;
}

function nodeFunction(node: CompletionNode): string {
  const specs = node.options.flatMap(optionSpecs);
  if (node.children.length === 0) {
    const args = node.args.map((arg, index) => quote(`${index + 1}::${escapeText(arg.name)}:${action(arg)}`));
    const rest = node.passThrough ? [quote('*::command:_normal')] : [];
    return `${functionName(node)}() {\n  _arguments -s -S ${lines([...specs, ...args, ...rest])}\n}\n`;
  }
  const described = node.children.map((child) => quote(`${child.path.at(-1)}:${escapeText(child.summary)}`));
  const cases = node.children.map((child) => `      ${child.path.at(-1)}) ${functionName(child)} ;;`);
  return `${functionName(node)}() {
  local curcontext=$curcontext state line
  local -A opt_args
  local -a commands
  commands=(${lines(described)}
  )
  _arguments -C -s ${lines([...specs, quote('1: :->command'), quote('*:: :->rest')])}
  case $state in
    command) _describe command commands ;;
    rest)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
`;
}

function optionSpecs({ long, short, summary, value, repeatable }: CompletionOption): string[] {
  const text = `[${escapeText(summary).replace(/[[\]]/g, '')}]`;
  const tail = value ? `:${escapeText(value.name)}:${action(value)}` : '';
  const flags = [long, ...(short ? [short] : [])];
  const excludes = repeatable ? '*' : flags.length > 1 ? `(${flags.join(' ')})` : '';
  return flags.map((flag) => quote(`${excludes}${flag}${text}${tail}`));
}

function action(value: CompletionValue): string {
  if (value.choices.length > 0) return `(${value.choices.join(' ')})`;
  switch (value.completes) {
    case 'target':
      return '_gw_targets';
    case 'gateway':
      return '_gw_gateways';
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    case 'command':
      return '_command_names';
    default:
      return ' ';
  }
}

const escapeText = (text: string): string => text.replaceAll(':', '\\:');
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const lines = (items: readonly string[]): string => items.map((item) => `\\\n    ${item}`).join(' ');
