# PowerShell completion for gw. Made by "gw completion powershell"; load it with:
#   gw completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName gw -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $nodes = @{
        '' = @{
            Children = @{ 'login' = 'Sign in to a gateway'; 'logout' = 'Sign out of a gateway'; 'whoami' = 'Show who the gateway takes you for'; 'connect' = 'Open a local port that leads to a database'; 'psql' = 'Open psql on a database'; 'query' = 'Run SQL, without psql'; 'token' = 'Print a short-lived password for connecting without gw'; 'tunnels' = 'List and stop tunnels in the background'; 'ls' = 'List the databases you can reach, and why'; 'status' = 'Show gateway, sign-in, tunnels and sessions'; 'doctor' = 'Check everything on the way to a database, and say what to do'; 'serve' = 'Run a gateway'; 'audit' = 'Look into the record of a gateway'; 'demo' = 'Try everything on this machine: database, sign-in and gateway in one process'; 'completion' = 'Print a completion script for your shell' }
            Options = @{ '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--version' = 'Show versions'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @()
        }
        'login' = @{
            Children = @{  }
            Options = @{ '--browser' = 'Sign in with the browser of this machine (authorization code with PKCE)'; '--no-browser' = 'Show the URL, but do not open it'; '--provider' = 'Identity provider, where the gateway has several'; '--profile' = 'Name to keep it under (default: the host)'; '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--provider' = 'nothing'; '--profile' = 'gateway'; '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('gateway')
        }
        'logout' = @{
            Children = @{  }
            Options = @{ '--all' = 'Every gateway'; '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('gateway')
        }
        'whoami' = @{
            Children = @{  }
            Options = @{ '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @()
        }
        'connect' = @{
            Children = @{  }
            Options = @{ '--port' = 'Local port; 0 for any free one'; '--socket' = 'Unix socket instead of a port, in a folder only you can enter'; '--database' = 'Another database of the target'; '--print' = 'What to print on stdout: url, env, service or json'; '--background' = 'Go on in the background once it is ready'; '--name' = 'Name of the tunnel in the background (default: the target)'; '--password' = 'Local clients must give a password from a file'; '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--port' = 'nothing'; '-p' = 'nothing'; '--socket' = 'directory'; '--database' = 'nothing'; '-d' = 'nothing'; '--print' = @('url', 'env', 'service', 'json'); '--name' = 'nothing'; '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('target')
        }
        'psql' = @{
            Children = @{  }
            Options = @{ '--database' = 'Another database of the target'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--database' = 'nothing'; '-d' = 'nothing'; '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('target')
        }
        'query' = @{
            Children = @{  }
            Options = @{ '--file' = 'Read the SQL from a file'; '--csv' = 'Print CSV'; '--database' = 'Another database of the target'; '--timeout' = 'Cancel what runs longer, e.g. 30s'; '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--file' = 'file'; '-f' = 'file'; '--database' = 'nothing'; '-d' = 'nothing'; '--timeout' = 'nothing'; '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('target', 'nothing')
        }
        'token' = @{
            Children = @{  }
            Options = @{ '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('target')
        }
        'tunnels' = @{
            Children = @{ 'ls' = 'List the tunnels that run in the background'; 'stop' = 'Stop a tunnel that runs in the background' }
            Options = @{ '--json' = 'Print JSON'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{  }
            Args = @()
        }
        'tunnels ls' = @{
            Children = @{  }
            Options = @{ '--json' = 'Print JSON'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{  }
            Args = @()
        }
        'tunnels stop' = @{
            Children = @{  }
            Options = @{ '--all' = 'All tunnels'; '--wait' = 'How long open connections may finish (default 10s)'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--wait' = 'nothing' }
            Args = @('nothing')
        }
        'ls' = @{
            Children = @{  }
            Options = @{ '--json' = 'Print JSON'; '--quiet' = 'Names only'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @()
        }
        'status' = @{
            Children = @{  }
            Options = @{ '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @()
        }
        'doctor' = @{
            Children = @{  }
            Options = @{ '--json' = 'Print JSON'; '--gateway' = 'Profile or URL of the gateway (default: the last one signed in to)'; '--ca' = 'PEM file with more CA certificates to trust'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--gateway' = 'gateway'; '--ca' = 'file' }
            Args = @('target')
        }
        'serve' = @{
            Children = @{  }
            Options = @{ '--config' = 'Configuration (default: gw.yaml)'; '--check' = 'Check the file and what it points at, and end'; '--log-level' = 'How much is logged'; '--json' = 'Print JSON'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--config' = 'file'; '-c' = 'file'; '--log-level' = @('debug', 'info', 'warn', 'error') }
            Args = @()
        }
        'audit' = @{
            Children = @{ 'tail' = 'Show the statements of a gateway, newest last' }
            Options = @{ '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{  }
            Args = @()
        }
        'audit tail' = @{
            Children = @{  }
            Options = @{ '--data' = 'The gateway''s data folder'; '--follow' = 'Go on until Ctrl-C'; '--lines' = 'How many (default: 20)'; '--json' = 'Print JSON'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{ '--data' = 'directory'; '--lines' = 'nothing'; '-n' = 'nothing' }
            Args = @()
        }
        'demo' = @{
            Children = @{  }
            Options = @{ '--stay' = 'Stay up after the tour (default: on a terminal)'; '--no-stay' = 'End after the tour'; '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{  }
            Args = @()
        }
        'completion' = @{
            Children = @{  }
            Options = @{ '--quiet' = 'No notes on stderr; errors and warnings stay'; '--help' = 'Show help' }
            Values = @{  }
            Args = @(@('bash', 'zsh', 'fish', 'powershell'))
        }
    }

    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    $path = ''
    $count = 0
    $pending = $null
    $gateway = $null
    foreach ($word in $words) {
        $node = $nodes[$path]
        if ($pending) {
            if ($pending -eq '--gateway') { $gateway = $word }
            $pending = $null
        }
        elseif ($word -eq '--') { return }
        elseif ($node.Values.ContainsKey($word)) { $pending = $word }
        elseif ($word.StartsWith('-')) { }
        elseif ($node.Children.ContainsKey($word)) { $path = ($path + ' ' + $word).Trim() }
        else { $count++ }
    }
    $node = $nodes[$path]

    function Get-GwLive($kind) {
        $extra = @()
        if ($gateway) { $extra = @('--gateway', $gateway) }
        & gw __complete $kind @extra 2>$null
    }
    function Get-GwValues($value) {
        if ($value -is [array]) { return $value }
        switch ($value) {
            'target' { Get-GwLive targets }
            'gateway' { Get-GwLive gateways }
        }
    }

    $found = @()
    if ($pending) {
        Get-GwValues $node.Values[$pending] | ForEach-Object { $found += , @($_, $_) }
    }
    elseif ($wordToComplete.StartsWith('-')) {
        $node.Options.GetEnumerator() | ForEach-Object { $found += , @($_.Key, $_.Value) }
    }
    else {
        if ($count -eq 0) { $node.Children.GetEnumerator() | ForEach-Object { $found += , @($_.Key, $_.Value) } }
        if ($count -lt $node.Args.Count) {
            Get-GwValues $node.Args[$count] | ForEach-Object { $found += , @($_, $_) }
        }
    }
    $found | Where-Object { $_[0] -like "$([WildcardPattern]::Escape($wordToComplete))*" } | Sort-Object { $_[0] } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_[0], $_[0], 'ParameterValue', $_[1])
    }
}
