# bash completion for gw. Made by "gw completion bash"; load it with: source <(gw completion bash)

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
  local cur=${COMP_WORDS[COMP_CWORD]} prev='' path='' gateway='' word i args=0 skip=0
  COMPREPLY=()
  ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((skip)); then
      [[ ${COMP_WORDS[i - 1]} == --gateway ]] && gateway=$word
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
          ':--gateway' | \
            ':--ca' | \
            'login:--provider' | \
            'login:--profile' | \
            'login:--gateway' | \
            'login:--ca' | \
            'logout:--gateway' | \
            'logout:--ca' | \
            'whoami:--gateway' | \
            'whoami:--ca' | \
            'connect:--port'|'connect:-p' | \
            'connect:--socket' | \
            'connect:--database'|'connect:-d' | \
            'connect:--print' | \
            'connect:--name' | \
            'connect:--gateway' | \
            'connect:--ca' | \
            'psql:--database'|'psql:-d' | \
            'psql:--gateway' | \
            'psql:--ca' | \
            'query:--file'|'query:-f' | \
            'query:--database'|'query:-d' | \
            'query:--timeout' | \
            'query:--gateway' | \
            'query:--ca' | \
            'token:--gateway' | \
            'token:--ca' | \
            'tunnels/stop:--wait' | \
            'ls:--gateway' | \
            'ls:--ca' | \
            'status:--gateway' | \
            'status:--ca' | \
            'doctor:--gateway' | \
            'doctor:--ca' | \
            'serve:--config'|'serve:-c' | \
            'serve:--log-level' | \
            'audit/tail:--data' | \
            'audit/tail:--lines'|'audit/tail:-n') skip=1 ;;
        esac
        ;;
      *)
        case ${path:+$path/}$word in
          'login' | 'logout' | 'whoami' | 'connect' | 'psql' | 'query' | 'token' | 'tunnels' | 'ls' | 'status' | 'doctor' | 'serve' | 'audit' | 'demo' | 'completion' | 'tunnels/ls' | 'tunnels/stop' | 'audit/tail') path=${path:+$path/}$word ;;
          *) args=$((args + 1)) ;;
        esac
        ;;
    esac
  done
  if ((skip)); then
    case $path:$prev in
      ':--gateway') _gw_offer < <(_gw_live gateways) ;;
      ':--ca') compopt -o default 2>/dev/null ;;
      'login:--provider') : ;;
      'login:--profile') _gw_offer < <(_gw_live gateways) ;;
      'login:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'login:--ca') compopt -o default 2>/dev/null ;;
      'logout:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'logout:--ca') compopt -o default 2>/dev/null ;;
      'whoami:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'whoami:--ca') compopt -o default 2>/dev/null ;;
      'connect:--port'|'connect:-p') : ;;
      'connect:--socket') compopt -o dirnames 2>/dev/null ;;
      'connect:--database'|'connect:-d') : ;;
      'connect:--print') _gw_offer < <(printf '%s\n' url env service json) ;;
      'connect:--name') : ;;
      'connect:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'connect:--ca') compopt -o default 2>/dev/null ;;
      'psql:--database'|'psql:-d') : ;;
      'psql:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'psql:--ca') compopt -o default 2>/dev/null ;;
      'query:--file'|'query:-f') compopt -o default 2>/dev/null ;;
      'query:--database'|'query:-d') : ;;
      'query:--timeout') : ;;
      'query:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'query:--ca') compopt -o default 2>/dev/null ;;
      'token:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'token:--ca') compopt -o default 2>/dev/null ;;
      'tunnels/stop:--wait') : ;;
      'ls:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'ls:--ca') compopt -o default 2>/dev/null ;;
      'status:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'status:--ca') compopt -o default 2>/dev/null ;;
      'doctor:--gateway') _gw_offer < <(_gw_live gateways) ;;
      'doctor:--ca') compopt -o default 2>/dev/null ;;
      'serve:--config'|'serve:-c') compopt -o default 2>/dev/null ;;
      'serve:--log-level') _gw_offer < <(printf '%s\n' debug info warn error) ;;
      'audit/tail:--data') compopt -o dirnames 2>/dev/null ;;
      'audit/tail:--lines'|'audit/tail:-n') : ;;
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case $path in
      '') _gw_offer < <(printf '%s\n' --gateway --ca --quiet --version --help) ;;
      'login') _gw_offer < <(printf '%s\n' --browser --no-browser --provider --profile --json --gateway --ca --quiet --help) ;;
      'logout') _gw_offer < <(printf '%s\n' --all --json --gateway --ca --quiet --help) ;;
      'whoami') _gw_offer < <(printf '%s\n' --json --gateway --ca --quiet --help) ;;
      'connect') _gw_offer < <(printf '%s\n' --port --socket --database --print --background --name --password --json --gateway --ca --quiet --help) ;;
      'psql') _gw_offer < <(printf '%s\n' --database --gateway --ca --quiet --help) ;;
      'query') _gw_offer < <(printf '%s\n' --file --csv --database --timeout --json --gateway --ca --quiet --help) ;;
      'token') _gw_offer < <(printf '%s\n' --json --gateway --ca --quiet --help) ;;
      'tunnels') _gw_offer < <(printf '%s\n' --json --quiet --help) ;;
      'tunnels/ls') _gw_offer < <(printf '%s\n' --json --quiet --help) ;;
      'tunnels/stop') _gw_offer < <(printf '%s\n' --all --wait --quiet --help) ;;
      'ls') _gw_offer < <(printf '%s\n' --json --quiet --gateway --ca --help) ;;
      'status') _gw_offer < <(printf '%s\n' --json --gateway --ca --quiet --help) ;;
      'doctor') _gw_offer < <(printf '%s\n' --json --gateway --ca --quiet --help) ;;
      'serve') _gw_offer < <(printf '%s\n' --config --check --log-level --json --quiet --help) ;;
      'audit') _gw_offer < <(printf '%s\n' --quiet --help) ;;
      'audit/tail') _gw_offer < <(printf '%s\n' --data --follow --lines --json --quiet --help) ;;
      'demo') _gw_offer < <(printf '%s\n' --stay --no-stay --quiet --help) ;;
      'completion') _gw_offer < <(printf '%s\n' --quiet --help) ;;
    esac
    return
  fi
  case $path:$args in
    ':0') _gw_offer < <(printf '%s\n' login logout whoami connect psql query token tunnels ls status doctor serve audit demo completion) ;;
    'login:0') _gw_offer < <(_gw_live gateways) ;;
    'logout:0') _gw_offer < <(_gw_live gateways) ;;
    'connect:0') _gw_offer < <(_gw_live targets) ;;
    'psql:0') _gw_offer < <(_gw_live targets) ;;
    'query:0') _gw_offer < <(_gw_live targets) ;;
    'query:1') : ;;
    'token:0') _gw_offer < <(_gw_live targets) ;;
    'tunnels:0') _gw_offer < <(printf '%s\n' ls stop) ;;
    'tunnels/stop:0') : ;;
    'doctor:0') _gw_offer < <(_gw_live targets) ;;
    'audit:0') _gw_offer < <(printf '%s\n' tail) ;;
    'completion:0') _gw_offer < <(printf '%s\n' bash zsh fish powershell) ;;
  esac
}

complete -F _gw gw
