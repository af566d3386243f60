import type { CommandEntry } from './command.ts';

/**
 * Every command, in the order of `gw --help`. A module is loaded only when its command runs or its own help
 * is shown; that the words here and there are the same is tested.
 */
export const ALL_COMMANDS: readonly CommandEntry[] = [
  {
    name: 'login',
    summary: 'Sign in to a gateway',
    group: 'Sign in',
    load: async () => (await import('./commands/login.ts')).login,
  },
  {
    name: 'logout',
    summary: 'Sign out of a gateway',
    group: 'Sign in',
    load: async () => (await import('./commands/logout.ts')).logout,
  },
  {
    name: 'whoami',
    summary: 'Show who the gateway takes you for',
    group: 'Sign in',
    load: async () => (await import('./commands/whoami.ts')).whoami,
  },
  {
    name: 'connect',
    summary: 'Open a local port that leads to a database',
    group: 'Connect',
    load: async () => (await import('./commands/connect.ts')).connect,
  },
  {
    name: 'psql',
    summary: 'Open psql on a database',
    group: 'Connect',
    load: async () => (await import('./commands/psql.ts')).psql,
  },
  {
    name: 'query',
    summary: 'Run SQL, without psql',
    group: 'Connect',
    load: async () => (await import('./commands/query.ts')).query,
  },
  {
    name: 'token',
    summary: 'Print a short-lived password for connecting without gw',
    group: 'Connect',
    load: async () => (await import('./commands/token.ts')).token,
  },
  {
    name: 'tunnels',
    summary: 'List and stop tunnels in the background',
    group: 'Connect',
    load: async () => (await import('./commands/tunnels.ts')).tunnels,
  },
  {
    name: 'ls',
    summary: 'List the databases you can reach, and why',
    group: 'Look',
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  {
    name: 'status',
    summary: 'Show gateway, sign-in, tunnels and sessions',
    group: 'Look',
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    name: 'doctor',
    summary: 'Check everything on the way to a database, and say what to do',
    group: 'Look',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'serve',
    summary: 'Run a gateway',
    group: 'Run a gateway',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    name: 'audit',
    summary: 'Look into the record of a gateway',
    group: 'Run a gateway',
    load: async () => (await import('./commands/audit.ts')).audit,
  },
  {
    name: 'demo',
    summary: 'Try everything on this machine: database, sign-in and gateway in one process',
    group: 'Run a gateway',
    load: async () => (await import('./commands/demo.ts')).demo,
  },
  {
    name: 'completion',
    summary: 'Print a completion script for your shell',
    group: 'Shell',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: '__complete',
    summary: 'Names for completion scripts',
    group: 'Shell',
    hidden: true,
    load: async () => (await import('./commands/complete.ts')).complete,
  },
];
