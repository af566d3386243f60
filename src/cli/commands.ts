import type { CommandEntry } from './command.ts';

/**
 * Every command, in the order of `gw --help`. A module is loaded only when its command runs or its own help
 * is shown: `{ name: 'ls', summary: '…', group: 'Look', load: async () => (await import('./commands/ls.ts')).ls }`.
 */
export const ALL_COMMANDS: readonly CommandEntry[] = [];
