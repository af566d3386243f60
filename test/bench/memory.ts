import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startup, terminate } from '../../src/wire/build-frontend.ts';
import type { Bench, Case } from './bench.ts';
import { bulkClient, copyOutSql } from './bulk.ts';
import { type HeapProbe, INSPECTABLE, type Memory, probeHeap } from './heap.ts';
import { HAS_PROC, residentBytes, sleep, startServer } from './processes.ts';
import type { CaseReport, Goal } from './report.ts';
import { type Ours, peersOf } from './world.ts';

/** What idle sessions and slow readers hold in the gateway and in gw connect. */
const GOALS_KB = { gateway: 10, 'gw connect': 6 } as const;
const SLOW_GOAL_MB = 8;
/** Opened and closed first, so that code and pools that are there anyway do not count as sessions. */
const WARM_UP_SHARE = 0.1;
const AT_A_TIME = 50;
const SETTLE_MS = 2_000;
const SAMPLE_MS = 50;
/** A twentieth of what the way carries. */
const SLOW_BYTES_PER_SECOND = 50 * 2 ** 20;
/** ReadyForQuery, idle. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const ERROR_RESPONSE = 0x45;
const STAND_IN = fileURLToPath(new URL('./stand-in.ts', import.meta.url));

export const MEMORY: Case = {
  name: 'memory',
  summary: 'of thousands of idle sessions, and of one that streams to a slow reader',
  needsPgbench: false,
  async run(bench) {
    const reports = [await idleSessions(bench)];
    if (HAS_PROC) reports.push(await slowReader(bench));
    return reports;
  },
};

type Name = keyof typeof GOALS_KB;
const NAMES: readonly Name[] = ['gateway', 'gw connect'];

async function idleSessions({ world, sessions, progress }: Bench): Promise<CaseReport> {
  const standIn = startServer(process.execPath, [STAND_IN]);
  const [line] = (await once(standIn.child.stdout!, 'data')) as [Buffer];
  const upstreamPort = Number(String(line));
  const ours = await world.startOurs({
    durability: 'kernel',
    upstreamPort,
    sessions: sessions + AT_A_TIME,
    nodeOptions: INSPECTABLE,
  });
  const probes = {
    gateway: await probeHeap(ours.gatewayProcess),
    'gw connect': await probeHeap(ours.connectProcess),
  };
  try {
    progress('memory, warming up');
    await closeAll(await openSessions(ours, Math.ceil(sessions * WARM_UP_SHARE)));
    await sleep(SETTLE_MS);
    const before = await measure(probes);
    progress(`memory, opening ${sessions} sessions`);
    const open = await openSessions(ours, sessions);
    await sleep(SETTLE_MS);
    const after = await measure(probes);
    await closeAll(open);
    await sleep(SETTLE_MS);
    const closed = await measure(probes);
    return idleReport(sessions, { before, after, closed });
  } finally {
    for (const probe of Object.values(probes)) probe.close();
    await ours.stop();
    await standIn.stop();
  }
}

type Memories = Record<Name, Memory>;

async function measure(probes: Record<Name, HeapProbe>): Promise<Memories> {
  return { gateway: await probes.gateway.measure(), 'gw connect': await probes['gw connect'].measure() };
}

function idleReport(sessions: number, at: Record<'before' | 'after' | 'closed', Memories>): CaseReport {
  const kb = (name: Name, part: keyof Memory, when: 'after' | 'closed' = 'after'): number =>
    (at[when][name][part] - at.before[name][part]) / sessions / 1_024;
  return {
    name: 'memory-idle',
    title: `memory of an idle session, of ${sessions.toLocaleString('en')}; KB`,
    head: ['', 'resident', 'JavaScript', 'left when closed', 'process before, MB'],
    rows: NAMES.map((name) => [
      name,
      kb(name, 'resident').toFixed(1),
      kb(name, 'used').toFixed(1),
      kb(name, 'used', 'closed').toFixed(2),
      (at.before[name].resident / 2 ** 20).toFixed(0),
    ]),
    note: 'After garbage collection. "resident" is what the system counts, with whatever the heap gained or gave back meanwhile; the larger counts.',
    goals: NAMES.map((name) => ({
      what: `memory of an idle session: ${name}`,
      wanted: { atMost: GOALS_KB[name] },
      measured: Math.max(kb(name, 'resident'), kb(name, 'used')),
      unit: 'KB',
    })),
    data: at,
  };
}

/** Opens sessions through the tunnel, a few dozen at a time, and resolves when all are ready. */
async function openSessions({ localPort }: Ours, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  let started = 0;
  const next = async (): Promise<void> => {
    while (started++ < count) sockets.push(await openSession(localPort));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, next));
  return sockets;
}

function openSession(port: number): Promise<Socket> {
  const hello = startup([
    ['user', 'bench'],
    ['database', 'bench'],
  ]);
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write(hello);
    socket.on('data', (chunk) => {
      if (chunk[0] === ERROR_RESPONSE) fail(new Error(chunk.toString('latin1')));
      else if (chunk.subarray(-READY.length).equals(READY)) done(socket);
    });
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('A session ended before it was ready.')));
  });
}

async function closeAll(sockets: readonly Socket[]): Promise<void> {
  const closed = sockets.map((socket) => new Promise((done) => socket.once('close', done)));
  for (const socket of sockets) socket.end(terminate());
  await Promise.all(closed);
}

/** Streams to a reader slower than the way, which then has to hold the rest back, not to keep it. */
async function slowReader({ world, megabytes, progress }: Bench): Promise<CaseReport> {
  const ours = await world.startOurs({ durability: 'kernel' });
  const [peer] = peersOf(ours, { connect: 'gw-connect-kernel', native: 'gw-native-kernel' });
  try {
    progress('memory, warming up');
    await bulkClient(peer, { sql: copyOutSql(megabytes) });
    await sleep(SETTLE_MS);
    const pids = { gateway: ours.gatewayProcess.pid!, 'gw connect': ours.connectProcess.pid! };
    const idle = residents(pids);
    const highest = { ...idle };
    const timer = setInterval(() => {
      const now = residents(pids);
      for (const name of NAMES) highest[name] = Math.max(highest[name], now[name]);
    }, SAMPLE_MS);
    progress('memory, a slow reader');
    await bulkClient(peer, { sql: copyOutSql(megabytes), bytesPerSecond: SLOW_BYTES_PER_SECOND });
    clearInterval(timer);
    return slowReport(megabytes, idle, highest);
  } finally {
    await ours.stop();
  }
}

function residents(pids: Record<Name, number>): Record<Name, number> {
  const of = (name: Name): number => residentBytes(pids[name]) ?? Number.NaN;
  return { gateway: of('gateway'), 'gw connect': of('gw connect') };
}

function slowReport(
  megabytes: number,
  idle: Record<Name, number>,
  highest: Record<Name, number>,
): CaseReport {
  const mb = (bytes: number): number => bytes / 2 ** 20;
  return {
    name: 'memory-slow-reader',
    title: `memory while ${megabytes} MB go to a reader that takes ${mb(SLOW_BYTES_PER_SECOND)} MB/s; MB`,
    head: ['', 'idle', 'highest', 'above idle'],
    rows: NAMES.map((name) => [
      name,
      ...[idle[name], highest[name], highest[name] - idle[name]].map((bytes) => mb(bytes).toFixed(1)),
    ]),
    note: 'Resident memory; idle means after the same transfer to a quick reader.',
    goals: NAMES.map(
      (name): Goal => ({
        what: `a slow reader, above idle: ${name}`,
        wanted: { atMost: SLOW_GOAL_MB },
        measured: mb(highest[name] - idle[name]),
        unit: 'MB',
      }),
    ),
    data: { idle, highest },
  };
}
