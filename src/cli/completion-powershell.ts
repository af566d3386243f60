import type { CompletionModel, CompletionNode, CompletionValue } from './completion-model.ts';

/** PowerShell 5.1 and newer. */
export function powershellScript({ all }: CompletionModel): string {
  return `# PowerShell completion for gw. Made by "gw completion powershell"; load it with:
#   gw completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName gw -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $nodes = @{
${all.map(nodeEntry).join('\n')}
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
`;
}

function nodeEntry(node: CompletionNode): string {
  const children = node.children.map((child) => `${quote(child.path.at(-1)!)} = ${quote(child.summary)}`);
  const options = node.options.map(({ long, summary }) => `${quote(long)} = ${quote(summary)}`);
  const values = node.options.flatMap(({ long, short, value }) =>
    value ? [long, ...(short ? [short] : [])].map((flag) => `${quote(flag)} = ${source(value)}`) : [],
  );
  return `        ${quote(node.path.join(' '))} = @{
            Children = @{ ${children.join('; ')} }
            Options = @{ ${options.join('; ')} }
            Values = @{ ${values.join('; ')} }
            Args = @(${node.args.map(source).join(', ')})
        }`;
}

function source(value: CompletionValue): string {
  if (value.choices.length > 0) return `@(${value.choices.map(quote).join(', ')})`;
  return quote(value.completes);
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
