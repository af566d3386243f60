import { join } from 'node:path';
import { connectAs } from '../support/connect.ts';
import type { Case } from './bench.ts';
import { run } from './processes.ts';
import { median } from './statistics.ts';
import { TARGET } from './world.ts';

const GW = join(import.meta.dirname, '../../bin/gw.js');
const RUNS_PER_ROUND = 4;
const HELP_GOAL_MS = 90;
const CONNECT_GOAL_MS = 400;

export const START_UP: Case = {
  name: 'start-up',
  summary: 'gw --help, and gw connect until it says that it is ready',
  needsPgbench: false,
  async run({ world, rounds, progress }) {
    const times = { bare: [] as number[], help: [] as number[], connect: [] as number[] };
    const ours = await world.startOurs({ durability: 'disk' });
    try {
      for (let i = 0; i < rounds * RUNS_PER_ROUND; i++) {
        progress(`start-up, ${i + 1}`);
        times.bare.push((await run(process.execPath, ['-e', '0'])).seconds * 1_000);
        times.help.push((await run(process.execPath, [GW, '--help'], { env: ours.env })).seconds * 1_000);
        times.connect.push(await untilReadyMs(ours.env));
      }
    } finally {
      await ours.stop();
    }
    const goal = (what: string, measured: number, atMost: number) => ({
      what,
      wanted: { atMost },
      measured,
      unit: 'ms',
    });
    return [
      {
        name: 'start-up',
        title: 'start-up, ms',
        head: ['', 'median', 'slowest'],
        rows: (
          [
            ['node -e 0', times.bare],
            ['gw --help', times.help],
            ['gw connect, until ready', times.connect],
          ] as const
        ).map(([what, list]) => [what, median(list).toFixed(0), Math.max(...list).toFixed(0)]),
        goals: [
          goal('gw --help', median(times.help), HELP_GOAL_MS),
          goal('gw connect, until ready', median(times.connect), CONNECT_GOAL_MS),
        ],
        data: times,
      },
    ];
  },
};

async function untilReadyMs(env: NodeJS.ProcessEnv): Promise<number> {
  const start = performance.now();
  const { stop } = await connectAs(env, TARGET);
  const ms = performance.now() - start;
  await stop();
  return ms;
}
