/**
 * The numbers of docs/performance.md, from the file of a run: everything between the two marks is replaced.
 *
 *   node test/bench/markdown.ts bench-results/….json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PEER_TITLES, type PeerName } from './peers.ts';
import { type CaseReport, figure, type Goal, isMet } from './report.ts';
import { medianCosts, type Rated, ratio, sum } from './rounds.ts';
import { median } from './statistics.ts';

interface Saved {
  readonly machine: Readonly<Record<string, string>>;
  readonly settings: { readonly rounds: number; readonly seconds: number };
  readonly reports: readonly CaseReport[];
}

const PAGE = join(import.meta.dirname, '../../docs/performance.md');
const BEGIN = '<!-- numbers: written by test/bench/markdown.ts -->';
const END = '<!-- end of numbers -->';
const THROUGHPUT = /^(prepared|simple|extended)-(\d+)$/;

function page({ machine, settings, reports }: Saved): string {
  const conditions = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  const throughput = reports.filter(({ name }) => THROUGHPUT.test(name));
  const parts = [
    `Measured with ${conditions.join(', ')}; ${settings.rounds} interleaved rounds of ${settings.seconds} s, medians. Clients, proxies and PostgreSQL share the machine.`,
    ...(throughput.length > 0 ? [throughputTables(throughput)] : []),
    ...reports.filter(({ name }) => !THROUGHPUT.test(name)).map(section),
    `### Goals\n\n${goalTable(reports.flatMap(({ goals }) => goals))}`,
  ];
  return parts.join('\n\n');
}

/** One table of rates against the direct way, one of CPU. */
function throughputTables(reports: readonly CaseReport[]): string {
  const cases = reports.map((report) => ({
    title: report.name.replace(THROUGHPUT, '$1 $2'),
    measured: new Map(Object.entries(report.data as Record<PeerName, Rated[]>)) as Map<PeerName, Rated[]>,
  }));
  const peers = [...cases[0]!.measured.keys()];
  const head = ['', ...cases.map(({ title }) => title)];
  const rates = peers.map((peer) => [
    PEER_TITLES[peer],
    ...cases.map(({ measured }) =>
      peer === 'direct'
        ? `${median(measured.get(peer)!.map(({ rate }) => rate)).toFixed(0)}/s`
        : figure(ratio(measured, peer, 'direct', ({ rate }) => rate)),
    ),
  ]);
  const costs = peers
    .filter((peer) => peer !== 'direct')
    .map((peer) => [
      PEER_TITLES[peer],
      ...cases.map(({ measured }) => figure(sum(medianCosts(measured.get(peer)!)))),
    ]);
  return [
    `### pgbench -S: throughput against direct, by protocol and clients\n\n${table(head, rates)}`,
    `### pgbench -S: CPU per transaction of all proxies on the way, µs\n\n${table(head, costs)}`,
  ].join('\n\n');
}

const section = ({ title, head, rows, note }: CaseReport): string =>
  [`### ${title}`, table(head, rows), ...(note ? [note] : [])].join('\n\n');

function goalTable(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => [
    goal.what,
    'atLeast' in goal.wanted ? `≥ ${goal.wanted.atLeast}` : `≤ ${goal.wanted.atMost}`,
    `${figure(goal.measured)} ${goal.unit}`,
    isMet(goal) ? 'yes' : 'no',
  ]);
  return table(['goal', 'wanted', 'measured', 'met'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node test/bench/markdown.ts bench-results/….json\n');
  process.exit(2);
}
const before = readFileSync(PAGE, 'utf8');
const numbers = page(JSON.parse(readFileSync(file, 'utf8')) as Saved);
const [head = '', rest = ''] = before.split(BEGIN);
writeFileSync(PAGE, `${head}${BEGIN}\n\n${numbers}\n\n${END}${rest.split(END)[1] ?? '\n'}`);
