/**
 * npm run bench: ours beside its peers, interleaved in one run. See docs/performance.md for the method and how to
 * read what it prints. Everything it starts is stopped and removed at the end, also after Ctrl-C.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, Case } from './bench.ts';
import { CASES } from './cases.ts';
import { cleanUp, cleanUpOnSignals, isEnding } from './clean-up.ts';
import { PEER_TITLES, type PeerName } from './peers.ts';
import { HAS_PROC } from './processes.ts';
import { findPrograms, type Programs } from './programs.ts';
import { type CaseReport, formatGoals, formatReport, isMet } from './report.ts';
import { fillAndWarm, startWorld, type World } from './world.ts';

const QUICK = { rounds: 1, seconds: 1, megabytes: 100, sessions: 500 };
const FULL = { rounds: 5, seconds: 3, megabytes: 1_024, sessions: 5_000 };
const SCALE = 10;
const RESULTS = resolve(import.meta.dirname, '../../bench-results');

const HELP = `npm run bench -- [options]

  --quick            one short round of everything: for a look, not for numbers
  --only CASE        only this case (again for more)
  --peers NAME       only these ways to the database (again for more)
  --rounds N         rounds (default ${FULL.rounds})
  --seconds N        seconds of one run of pgbench (default ${FULL.seconds})
  --megabytes N      size of a bulk transfer (default ${FULL.megabytes})
  --sessions N       idle sessions in the memory case (default ${FULL.sessions})

cases:
${CASES.map(({ name, summary }) => `  ${name.padEnd(17)}  ${summary}`).join('\n')}

peers:
${Object.entries(PEER_TITLES)
  .map(([name, title]) => `  ${name.padEnd(17)}  ${title}`)
  .join('\n')}
`;

interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly megabytes: number;
  readonly sessions: number;
  readonly cases: readonly Case[];
  readonly wanted: (peer: PeerName) => boolean;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function readSettings(): Settings | undefined {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      peers: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      megabytes: { type: 'string' },
      sessions: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const defaults = values.quick ? QUICK : FULL;
  const number = (name: keyof typeof FULL): number => Number(values[name] ?? defaults[name]);
  const unknown = [
    ...values.only.filter((name) => !CASES.some((entry) => entry.name === name)),
    ...values.peers.filter((name) => !(name in PEER_TITLES)),
  ];
  if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(', ')}. --help lists cases and peers.`);
  return {
    rounds: number('rounds'),
    seconds: number('seconds'),
    megabytes: number('megabytes'),
    sessions: number('sessions'),
    cases: CASES.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
    wanted: (peer) => values.peers.length === 0 || values.peers.includes(peer),
  };
}

async function main(settings: Settings): Promise<void> {
  const programs = findPrograms();
  for (const line of programs.missing) print(line);
  if (!HAS_PROC) print('This system has no /proc: CPU and memory of processes cannot be shown.');
  progress('starting PostgreSQL, the proxies and the gateways');
  const world = await startWorld(programs, settings.wanted);
  const machine = describe(world, programs);
  print(
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', '),
  );
  print(`${settings.rounds} interleaved rounds of ${settings.seconds} s; medians; ratios inside a round.`);
  progress('filling the tables, warming up');
  await fillAndWarm(world, SCALE);
  const reports: CaseReport[] = [];
  for (const entry of settings.cases) {
    if (entry.needsPgbench && !programs.pgbench) continue;
    for (const report of await entry.run({ ...settings, world, progress } satisfies Bench)) {
      progress('');
      print(formatReport(report));
      reports.push(report);
    }
  }
  const goals = reports.flatMap((report) => report.goals);
  print(`\n── goals: ${goals.filter(isMet).length} of ${goals.length} met ──`);
  print(formatGoals(goals.filter((goal) => !isMet(goal))).join('\n'));
  print(`\n${save({ machine, settings, reports })}`);
}

/** On a terminal, one line that overwrites itself. */
function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${what}${what && '…'}`);
}

function describe(world: World, { pgbouncer }: Programs): Record<string, string> {
  const version = pgbouncer && execFileSync(pgbouncer, ['--version'], { encoding: 'utf8' }).split('\n')[0];
  return {
    cores: String(availableParallelism()),
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.versions.node,
    PostgreSQL: String(world.postgres.major),
    PgBouncer: version?.replace('PgBouncer ', '') ?? 'none',
  };
}

function save(result: object): string {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

cleanUpOnSignals();
try {
  const settings = readSettings();
  if (settings) await main(settings);
  else print(HELP);
} catch (error) {
  process.exitCode = 1;
  if (!isEnding()) {
    process.stderr.write(`\nbench: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
await cleanUp();
process.exit();
