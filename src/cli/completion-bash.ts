import type { CompletionModel, CompletionNode, CompletionValue } from './completion-model.ts';

const key = (node: CompletionNode): string => node.path.join('/');

/** Bash 3.2 and newer. Words from `gw __complete` are compared and copied, never expanded. */
export function bashScript({ all }: CompletionModel): string {
  const valued = all.flatMap((node) =>
    node.options
      .filter((option) => option.value)
      .map((option) => ({ node, option, flags: [option.long, ...(option.short ? [option.short] : [])] })),
  );
  const pattern = (node: CompletionNode, flags: readonly string[]): string =>
    flags.map((flag) => `'${key(node)}:${flag}'`).join('|');
  const children = all.flatMap((node) => node.children.map((child) => `'${key(child)}'`));
  return `# bash completion for gw. Made by "gw completion bash"; load it with: source <(gw completion bash)

_gw_offer() {
  local word
  while IFS= read -r word; do
    [[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
}

_gw_live() {
  if [[ -n $gateway ]]; then command gw __complete "$1" --gateway "$gateway" 2>/dev/null
  else command gw __complete "$1" 2>/dev/null
  fi
}

_gw() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev='' path='' gateway='' word i args=0 skip=0
  COMPREPLY=()
  ((COMP_CWORD > 0)) && prev=\${COMP_WORDS[COMP_CWORD - 1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((skip)); then
      [[ \${COMP_WORDS[i - 1]} == --gateway ]] && gateway=$word
      skip=0
      continue
    fi
    case $word in
      --)
        compopt -o default 2>/dev/null
        return
        ;;
      -*)
        case $path:$word in
          ${valued.map(({ node, flags }) => pattern(node, flags)).join(' | \\\n            ')}) skip=1 ;;
        esac
        ;;
      *)
        case \${path:+$path/}$word in
          ${children.join(' | ')}) path=\${path:+$path/}$word ;;
          *) args=$((args + 1)) ;;
        esac
        ;;
    esac
  done
  if ((skip)); then
    case $path:$prev in
${valued.map(({ node, option, flags }) => `      ${pattern(node, flags)}) ${offer(option.value!)} ;;`).join('\n')}
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case $path in
${all.map((node) => `      '${key(node)}') _gw_offer < <(printf '%s\\n' ${node.options.map(({ long }) => long).join(' ')}) ;;`).join('\n')}
    esac
    return
  fi
  case $path:$args in
${all.flatMap(positional).join('\n')}
  esac
}

complete -F _gw gw
`;
}

function positional(node: CompletionNode): string[] {
  const names = node.children.map((child) => child.path.at(-1)!);
  const first = names.length > 0 ? [`    '${key(node)}:0') ${words(names)} ;;`] : [];
  return [...first, ...node.args.map((arg, index) => `    '${key(node)}:${index}') ${offer(arg)} ;;`)];
}

function offer(value: CompletionValue): string {
  if (value.choices.length > 0) return words(value.choices);
  switch (value.completes) {
    case 'target':
      return '_gw_offer < <(_gw_live targets)';
    case 'gateway':
      return '_gw_offer < <(_gw_live gateways)';
    case 'file':
      return 'compopt -o default 2>/dev/null';
    case 'directory':
      return 'compopt -o dirnames 2>/dev/null';
    case 'command':
      return 'COMPREPLY=($(compgen -c -- "$cur"))';
    default:
      return ':';
  }
}

const words = (list: readonly string[]): string => `_gw_offer < <(printf '%s\\n' ${list.join(' ')})`;
