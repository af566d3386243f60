import type { CommandSpec } from '../command.ts';
import { openTunnel } from '../open-tunnel.ts';
import type { LocalWishes } from '../tunnel/local-endpoint.ts';
import { Reporter } from '../tunnel/reporter.ts';
import { exitOfCommand } from '../tunnel/run-command.ts';
import { runThrough } from '../tunnel/run-through.ts';

export const psql: CommandSpec = {
  name: 'psql',
  summary: 'Open psql on a database',
  examples: [
    ['gw psql prod-db', 'a psql prompt'],
    ['gw psql prod-db -- -c "select count(*) from orders"', 'anything psql takes stands behind --'],
    ['gw psql prod-db -- -f report.sql -o report.txt', 'run a file'],
    ['gw psql prod-db --database reporting', 'another database of the target'],
  ],
  description:
    'Needs psql on this machine; gw query runs SQL without it. The exit code is that of psql; 127 if it is not installed.',
  args: [{ name: 'TARGET', summary: 'Name of the database, as in gw ls', completes: 'target' }],
  passThrough: true,
  options: [
    { flags: '-d, --database <name>', summary: 'Another database of the target', env: 'GW_DATABASE' },
  ],
  async run(input, context) {
    const { out, env, interrupt } = context;
    const target = await context.pickTarget(input.args[0], 'psql');
    const wishes = { ...(input.options as LocalWishes), port: 0 };
    const ready = await openTunnel(target, wishes, new Reporter(out), context);
    const end = await runThrough(ready, {
      command: 'psql',
      args: input.rest,
      env,
      onSignal: (handler) => interrupt.onInterrupt(handler),
    });
    if (end.kind === 'not-found') {
      out.warn(`psql is not installed here. ${howToInstall()}`);
      out.notice(`Without it: gw query ${target} "select 1"`);
    } else if (end.kind === 'not-executable') {
      out.warn('The psql on the PATH cannot be executed.');
    }
    return exitOfCommand(end);
  },
};

function howToInstall(platform: NodeJS.Platform = process.platform): string {
  if (platform === 'darwin') return 'Install it with: brew install libpq && brew link --force libpq';
  if (platform === 'win32') return 'It comes with PostgreSQL: https://www.postgresql.org/download/windows/';
  return 'Install it with: sudo apt-get install postgresql-client (or dnf install postgresql)';
}
