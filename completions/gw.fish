# fish completion for gw. Made by "gw completion fish"; load it with: gw completion fish | source

# The command and the number of plain arguments before the cursor: "connect 0".
function __gw_place
    set -l paths 'login' 'logout' 'whoami' 'connect' 'psql' 'query' 'token' 'tunnels' 'tunnels ls' 'tunnels stop' 'ls' 'status' 'doctor' 'serve' 'audit' 'audit tail' 'demo' 'completion'
    set -l path
    set -l count 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
        else if test "$word" = --
            echo passed
            return
        else if contains -- $word --gateway --ca --provider --profile --port -p --socket --database -d --print --name --file -f --timeout --wait --config -c --log-level --data --lines -n
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
complete -c gw -n '__gw_at \'0\'' -a login -d 'Sign in to a gateway'
complete -c gw -n '__gw_at \'0\'' -a logout -d 'Sign out of a gateway'
complete -c gw -n '__gw_at \'0\'' -a whoami -d 'Show who the gateway takes you for'
complete -c gw -n '__gw_at \'0\'' -a connect -d 'Open a local port that leads to a database'
complete -c gw -n '__gw_at \'0\'' -a psql -d 'Open psql on a database'
complete -c gw -n '__gw_at \'0\'' -a query -d 'Run SQL, without psql'
complete -c gw -n '__gw_at \'0\'' -a token -d 'Print a short-lived password for connecting without gw'
complete -c gw -n '__gw_at \'0\'' -a tunnels -d 'List and stop tunnels in the background'
complete -c gw -n '__gw_at \'0\'' -a ls -d 'List the databases you can reach, and why'
complete -c gw -n '__gw_at \'0\'' -a status -d 'Show gateway, sign-in, tunnels and sessions'
complete -c gw -n '__gw_at \'0\'' -a doctor -d 'Check everything on the way to a database, and say what to do'
complete -c gw -n '__gw_at \'0\'' -a serve -d 'Run a gateway'
complete -c gw -n '__gw_at \'0\'' -a audit -d 'Look into the record of a gateway'
complete -c gw -n '__gw_at \'0\'' -a demo -d 'Try everything on this machine: database, sign-in and gateway in one process'
complete -c gw -n '__gw_at \'0\'' -a completion -d 'Print a completion script for your shell'
complete -c gw -n '__gw_in \'\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'\'' -l version -s V -d 'Show versions'
complete -c gw -n '__gw_in \'\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'login 0\'' -a '(command gw __complete gateways 2>/dev/null)'
complete -c gw -n '__gw_in \'login\'' -l browser -d 'Sign in with the browser of this machine (authorization code with PKCE)'
complete -c gw -n '__gw_in \'login\'' -l no-browser -d 'Show the URL, but do not open it'
complete -c gw -n '__gw_in \'login\'' -l provider -x -d 'Identity provider, where the gateway has several'
complete -c gw -n '__gw_in \'login\'' -l profile -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Name to keep it under (default: the host)'
complete -c gw -n '__gw_in \'login\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'login\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'login\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'login\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'login\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'logout 0\'' -a '(command gw __complete gateways 2>/dev/null)'
complete -c gw -n '__gw_in \'logout\'' -l all -d 'Every gateway'
complete -c gw -n '__gw_in \'logout\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'logout\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'logout\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'logout\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'logout\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'whoami\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'whoami\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'whoami\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'whoami\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'whoami\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'connect 0\'' -a '(command gw __complete targets 2>/dev/null)'
complete -c gw -n '__gw_in \'connect\'' -l port -s p -x -d 'Local port; 0 for any free one'
complete -c gw -n '__gw_in \'connect\'' -l socket -x -a '(__fish_complete_directories)' -d 'Unix socket instead of a port, in a folder only you can enter'
complete -c gw -n '__gw_in \'connect\'' -l database -s d -x -d 'Another database of the target'
complete -c gw -n '__gw_in \'connect\'' -l print -x -a 'url env service json' -d 'What to print on stdout: url, env, service or json'
complete -c gw -n '__gw_in \'connect\'' -l background -s b -d 'Go on in the background once it is ready'
complete -c gw -n '__gw_in \'connect\'' -l name -x -d 'Name of the tunnel in the background (default: the target)'
complete -c gw -n '__gw_in \'connect\'' -l password -d 'Local clients must give a password from a file'
complete -c gw -n '__gw_in \'connect\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'connect\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'connect\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'connect\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'connect\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'psql 0\'' -a '(command gw __complete targets 2>/dev/null)'
complete -c gw -n '__gw_in \'psql\'' -l database -s d -x -d 'Another database of the target'
complete -c gw -n '__gw_in \'psql\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'psql\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'psql\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'psql\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'query 0\'' -a '(command gw __complete targets 2>/dev/null)'
complete -c gw -n '__gw_in \'query\'' -l file -s f -r -F -d 'Read the SQL from a file'
complete -c gw -n '__gw_in \'query\'' -l csv -d 'Print CSV'
complete -c gw -n '__gw_in \'query\'' -l database -s d -x -d 'Another database of the target'
complete -c gw -n '__gw_in \'query\'' -l timeout -x -d 'Cancel what runs longer, e.g. 30s'
complete -c gw -n '__gw_in \'query\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'query\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'query\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'query\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'query\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'token 0\'' -a '(command gw __complete targets 2>/dev/null)'
complete -c gw -n '__gw_in \'token\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'token\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'token\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'token\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'token\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'tunnels 0\'' -a ls -d 'List the tunnels that run in the background'
complete -c gw -n '__gw_at \'tunnels 0\'' -a stop -d 'Stop a tunnel that runs in the background'
complete -c gw -n '__gw_in \'tunnels\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'tunnels\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'tunnels\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'tunnels ls\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'tunnels ls\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'tunnels ls\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'tunnels stop\'' -l all -d 'All tunnels'
complete -c gw -n '__gw_in \'tunnels stop\'' -l wait -x -d 'How long open connections may finish (default 10s)'
complete -c gw -n '__gw_in \'tunnels stop\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'tunnels stop\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'ls\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'ls\'' -l quiet -s q -d 'Names only'
complete -c gw -n '__gw_in \'ls\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'ls\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'ls\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'status\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'status\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'status\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'status\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'status\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'doctor 0\'' -a '(command gw __complete targets 2>/dev/null)'
complete -c gw -n '__gw_in \'doctor\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'doctor\'' -l gateway -x -a '(command gw __complete gateways 2>/dev/null)' -d 'Profile or URL of the gateway (default: the last one signed in to)'
complete -c gw -n '__gw_in \'doctor\'' -l ca -r -F -d 'PEM file with more CA certificates to trust'
complete -c gw -n '__gw_in \'doctor\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'doctor\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'serve\'' -l config -s c -r -F -d 'Configuration (default: gw.yaml)'
complete -c gw -n '__gw_in \'serve\'' -l check -d 'Check the file and what it points at, and end'
complete -c gw -n '__gw_in \'serve\'' -l log-level -x -a 'debug info warn error' -d 'How much is logged'
complete -c gw -n '__gw_in \'serve\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'serve\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'serve\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'audit 0\'' -a tail -d 'Show the statements of a gateway, newest last'
complete -c gw -n '__gw_in \'audit\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'audit\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'audit tail\'' -l data -x -a '(__fish_complete_directories)' -d 'The gateway\'s data folder'
complete -c gw -n '__gw_in \'audit tail\'' -l follow -s f -d 'Go on until Ctrl-C'
complete -c gw -n '__gw_in \'audit tail\'' -l lines -s n -x -d 'How many (default: 20)'
complete -c gw -n '__gw_in \'audit tail\'' -l json -d 'Print JSON'
complete -c gw -n '__gw_in \'audit tail\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'audit tail\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_in \'demo\'' -l stay -d 'Stay up after the tour (default: on a terminal)'
complete -c gw -n '__gw_in \'demo\'' -l no-stay -d 'End after the tour'
complete -c gw -n '__gw_in \'demo\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'demo\'' -l help -s h -d 'Show help'
complete -c gw -n '__gw_at \'completion 0\'' -a 'bash zsh fish powershell'
complete -c gw -n '__gw_in \'completion\'' -l quiet -s q -d 'No notes on stderr; errors and warnings stay'
complete -c gw -n '__gw_in \'completion\'' -l help -s h -d 'Show help'
