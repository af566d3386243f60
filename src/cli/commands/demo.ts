import type { CommandSpec } from '../command.ts';

export const demo: CommandSpec = {
  name: 'demo',
  summary: 'Try everything on this machine: database, sign-in and gateway in one process',
  offline: true,
  examples: [
    ['gw demo', 'a tour, then it stays up for you to try'],
    ['gw demo --no-stay', 'the tour alone; exits 0 when all went well'],
  ],
  args: [],
  options: [
    { flags: '--stay', summary: 'Stay up after the tour (default: on a terminal)', env: 'GW_STAY' },
    { flags: '--no-stay', summary: 'End after the tour', env: 'GW_NO_STAY' },
  ],
  description: 'Needs no network and no Docker, leaves nothing behind, and changes none of your settings.',
  run({ options }, { halves, prompts }) {
    return halves.demo({ stay: (options.stay as boolean | undefined) ?? prompts.canPrompt });
  },
};
