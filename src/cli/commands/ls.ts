import type { CommandSpec } from '../command.ts';
import { JSON_OPTION } from '../global-options.ts';

export const ls: CommandSpec = {
  name: 'ls',
  summary: 'List the databases you can reach, and why',
  examples: [
    ['gw ls', 'all targets, with the group that lets you in'],
    ['gw ls --quiet', 'names only, for scripts'],
    ["gw ls --json | jq -r '.[].name'", 'the same from JSON'],
  ],
  args: [],
  options: [JSON_OPTION, { flags: '-q, --quiet', summary: 'Names only', env: 'GW_QUIET' }],
  async run(_, context) {
    const { out } = context;
    const gateway = await context.gateway();
    const targets = await gateway.targets();
    if (out.json) {
      out.value(targets);
    } else if (out.quiet) {
      for (const { name } of targets) out.line(name);
    } else if (targets.length === 0) {
      out.note(
        `You reach no target of ${gateway.name}. gw whoami shows your groups; ask who runs the gateway.`,
      );
    } else {
      const columns = [
        { title: 'Name', style: 'strong' },
        { title: 'Database' },
        { title: 'Because' },
        { title: 'Description', style: 'dim' },
      ] as const;
      out.table(
        columns,
        targets.map((target) => [target.name, databasesOf(target), target.because, target.description ?? '']),
      );
    }
    return 0;
  },
};

/** The default database first; the others that may be asked for behind it. */
function databasesOf({ database, databases }: { database: string; databases: readonly string[] }): string {
  return [database, ...databases.filter((name) => name !== database)].join(', ');
}
