import { GwError } from '../../core/errors.ts';
import { parseDuration } from '../../core/units.ts';
import type { CommandInput, CommandSpec } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { JSON_OPTION } from '../global-options.ts';
import { relativeTime } from '../render/time.ts';
import { endTunnel, type ListedTunnel, listTunnels } from '../tunnel/registry.ts';

const DEFAULT_WAIT_MS = 10_000;
const POLL_MS = 100;
/** After a cut the tunnel has this long to be gone. */
const CUT_WAIT_MS = 5_000;

const list: CommandSpec = {
  name: 'ls',
  summary: 'List the tunnels that run in the background',
  examples: [
    ['gw tunnels ls', 'name, target, address and open connections'],
    ["gw tunnels ls --json | jq -r '.[].url'", 'connection strings'],
  ],
  args: [],
  options: [JSON_OPTION],
  offline: true,
  run: (_, context) => showTunnels(context),
};

const stop: CommandSpec = {
  name: 'stop',
  summary: 'Stop a tunnel that runs in the background',
  examples: [
    ['gw tunnels stop prod-db', 'waits up to 10 s for open connections, then cuts them'],
    ['gw tunnels stop prod-db --wait 0s', 'at once'],
    ['gw tunnels stop --all', 'all of them'],
  ],
  args: [{ name: 'NAME', summary: 'Name of the tunnel, as in gw tunnels ls' }],
  options: [
    { flags: '--all', summary: 'All tunnels', env: 'GW_TUNNELS_ALL' },
    {
      flags: '--wait <duration>',
      summary: 'How long open connections may finish (default 10s)',
      env: 'GW_WAIT',
      parse: parseDuration,
    },
  ],
  offline: true,
  run: stopTunnels,
};

export const tunnels: CommandSpec = {
  name: 'tunnels',
  summary: 'List and stop tunnels in the background',
  examples: [
    ['gw tunnels', 'the same as gw tunnels ls'],
    ['gw tunnels stop prod-db', 'stop one'],
  ],
  description: 'Tunnels in the background are opened by gw connect --background.',
  args: [],
  options: [JSON_OPTION],
  offline: true,
  subcommands: [list, stop],
  run: (_, context) => showTunnels(context),
};

async function showTunnels({ out, paths, clock }: CommandContext): Promise<number> {
  const running = await listTunnels(paths);
  if (out.json) {
    out.value(running.map(({ name, summary }) => summary ?? { name, state: 'does not answer' }));
    return 0;
  }
  if (running.length === 0) {
    out.note('No tunnels in the background. gw connect TARGET --background opens one.');
    return 0;
  }
  const columns = [
    { title: 'Name', style: 'strong' },
    { title: 'Target' },
    { title: 'Address' },
    { title: 'Open', align: 'right' },
    { title: 'State' },
    { title: 'Ends' },
    { title: 'Gateway', style: 'dim' },
  ] as const;
  out.table(
    columns,
    running.map((one) => row(one, clock.now())),
  );
  return 0;
}

function row({ name, summary }: ListedTunnel, nowMs: number): string[] {
  if (summary === undefined) return [name, '', '', '', 'does not answer', '', ''];
  const { target, host, port, connections, state, gateway, ends_at } = summary;
  const ends = ends_at === undefined ? '' : relativeTime(Date.parse(ends_at), nowMs);
  return [name, target, `${host}:${port}`, String(connections), state, ends, gateway];
}

async function stopTunnels(input: CommandInput, context: CommandContext): Promise<number> {
  const { all, wait = DEFAULT_WAIT_MS } = input.options as { all?: boolean; wait?: number };
  const name = input.args[0];
  if ((name === undefined) === !all) {
    throw new GwError('usage', 'Say which tunnel to stop: its NAME, or --all.', { hint: 'gw tunnels ls' });
  }
  const running = await listTunnels(context.paths);
  const chosen = running.filter((one) => all || one.name === name);
  if (chosen.length === 0 && !all) {
    throw new GwError('not_found', `No tunnel named "${name}" runs in the background.`, {
      hint: 'gw tunnels ls',
    });
  }
  if (chosen.length === 0) context.out.note('No tunnels to stop.');
  const stopped = await Promise.all(chosen.map((one) => stopOne(one, wait, context)));
  const left = chosen.filter((_, index) => !stopped[index]);
  if (left.length === 0) return 0;
  throw new GwError('failed', `Not stopped: ${left.map((one) => describe(one)).join(', ')}.`, {
    hint: 'It does not answer: end the process by its number (ps, Task Manager).',
  });
}

const describe = ({ name, summary }: ListedTunnel): string =>
  summary === undefined ? name : `${name} (process ${summary.pid})`;

/** Drains, then cuts. True once it is gone. */
async function stopOne({ name }: ListedTunnel, waitMs: number, context: CommandContext): Promise<boolean> {
  const { out, paths } = context;
  if (waitMs > 0) {
    await endTunnel(paths, name, 'drain');
    if (!(await isGone(name, waitMs, context))) out.note(`Cutting the connections of ${name}.`);
  }
  await endTunnel(paths, name, 'cut');
  const gone = await isGone(name, CUT_WAIT_MS, context);
  if (gone) out.note(`${out.style.good('✔')} ${name} is stopped.`);
  return gone;
}

async function isGone(name: string, waitMs: number, { paths, clock }: CommandContext): Promise<boolean> {
  const deadline = clock.monotonic() + waitMs;
  for (;;) {
    if (!(await listTunnels(paths)).some((one) => one.name === name)) return true;
    if (clock.monotonic() >= deadline) return false;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}
