import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandSpec } from '../command.ts';
import { bashScript } from '../completion-bash.ts';
import { fishScript } from '../completion-fish.ts';
import { type CompletionModel, completionModel } from '../completion-model.ts';
import { powershellScript } from '../completion-powershell.ts';
import { zshScript } from '../completion-zsh.ts';

interface Shell {
  readonly file: string;
  script(model: CompletionModel): string;
}

/** Each shell's script, and its file in `completions/`. */
export const SHELLS: Readonly<Record<string, Shell>> = {
  bash: { file: 'gw.bash', script: bashScript },
  zsh: { file: '_gw', script: zshScript },
  fish: { file: 'gw.fish', script: fishScript },
  powershell: { file: 'gw.ps1', script: powershellScript },
};

export const completion: CommandSpec = {
  name: 'completion',
  summary: 'Print a completion script for your shell',
  offline: true,
  examples: [
    ["echo 'source <(gw completion bash)' >> ~/.bashrc", 'bash'],
    ["echo 'source <(gw completion zsh)' >> ~/.zshrc", 'zsh, after compinit'],
    ['gw completion fish > ~/.config/fish/completions/gw.fish', 'fish'],
    ['gw completion powershell | Out-String | Invoke-Expression', 'PowerShell; put it into $PROFILE'],
  ],
  args: [{ name: 'SHELL', summary: 'Your shell', choices: Object.keys(SHELLS), required: true }],
  options: [
    {
      flags: '--write <folder>',
      summary: 'Write the scripts of all shells into a folder',
      completes: 'directory',
      hidden: true,
    },
  ],
  description: 'Commands, options and the names of your targets and gateways are completed.',
  async run({ args, options, tree }, { out }) {
    const model = await completionModel(tree);
    if (options.write !== undefined) {
      for (const { file, script } of Object.values(SHELLS)) {
        await writeFile(join(options.write as string, file), script(model));
      }
      return 0;
    }
    await out.raw(SHELLS[args[0]!]!.script(model));
    return 0;
  },
};
