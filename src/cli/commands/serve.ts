import type { CommandSpec } from '../command.ts';
import { JSON_OPTION } from '../global-options.ts';

export const serve: CommandSpec = {
  name: 'serve',
  summary: 'Run a gateway',
  offline: true,
  examples: [
    ['gw serve --config gw.yaml', 'run until SIGTERM; SIGHUP reads the file again'],
    ['gw serve --config gw.yaml --check', 'check the file, all problems at once, and end'],
  ],
  args: [],
  options: [
    {
      flags: '-c, --config <file>',
      summary: 'Configuration (default: gw.yaml)',
      env: 'GW_CONFIG',
      completes: 'file',
    },
    { flags: '--check', summary: 'Check the configuration and end', env: 'GW_CHECK' },
    JSON_OPTION,
  ],
  description: 'Logs are JSON lines on stderr. docs/deploy.md has a configuration to start from.',
  run({ options }, { halves, out }) {
    const config = (options.config as string | undefined) ?? 'gw.yaml';
    return options.check === true ? halves.check(config, { json: out.json }) : halves.serve({ config });
  },
};
