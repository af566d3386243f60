import type { CommandSpec } from '../command.ts';
import { JSON_OPTION } from '../global-options.ts';

export const serve: CommandSpec = {
  name: 'serve',
  summary: 'Run a gateway',
  offline: true,
  examples: [
    ['gw serve --config gw.yaml', 'run until SIGTERM; SIGHUP reads the file again'],
    ['gw serve --config gw.yaml --check', 'check the file and what it points at, and end'],
  ],
  args: [],
  options: [
    {
      flags: '-c, --config <file>',
      summary: 'Configuration (default: gw.yaml)',
      env: 'GW_CONFIG',
      completes: 'file',
    },
    {
      flags: '--check',
      summary: 'Check the file and what it points at, and end',
      env: 'GW_CHECK',
    },
    {
      flags: '--log-level <level>',
      summary: 'How much is logged',
      env: 'GW_LOG_LEVEL',
      choices: ['debug', 'info', 'warn', 'error'],
    },
    JSON_OPTION,
  ],
  description: 'Logs are JSON lines on stderr.',
  run({ options }, { halves, out }) {
    const configPath = (options.config as string | undefined) ?? 'gw.yaml';
    const logLevel = options.logLevel as string | undefined;
    if (options.check === true) return halves.check(configPath, { json: out.json });
    return halves.serve({ configPath, ...(logLevel === undefined ? {} : { logLevel }) });
  },
};
