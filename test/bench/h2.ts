import { type ChildProcess, fork } from 'node:child_process';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { makeCerts, type TestCerts } from '../support/certs.ts';
import { KINDS, type Kind } from './h2-ends.ts';
import type { Task, Usage } from './h2-process.ts';

/**
 * What one TLS connection full of streams costs: our HTTP/2 against node:http2, both ends in processes of their
 * own, interleaved. `node test/bench/h2.ts [--seconds 2] [--rounds 5] [--only own]`
 *
 *   ping    the cli sends a message on each stream, the gateway sends it back
 *   tunnel  the same from real TCP connections through both processes to a TCP echo
 *   bulk    the gateway sends as much as one stream takes
 *   mixed   one stream in ping-pong beside one in bulk: the latency of the former
 *
 * CPU is that of both ends together, per round trip; the steadiest figure on a shared machine.
 */

interface Case {
  readonly mode: Task['mode'];
  readonly streams: number;
}
interface Result {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const CASES: readonly Case[] = [
  { mode: 'ping', streams: 1 },
  { mode: 'ping', streams: 32 },
  { mode: 'tunnel', streams: 1 },
  { mode: 'tunnel', streams: 8 },
  { mode: 'tunnel', streams: 32 },
  { mode: 'bulk', streams: 1 },
  { mode: 'mixed', streams: 1 },
];
const MESSAGE_BYTES = 60;
const WARM_UP_MS = 700;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    mode: { type: 'string', default: '' },
  },
});
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

function ask<T>(child: ChildProcess, message: unknown): Promise<T> {
  return new Promise((done, failed) => {
    child.once('message', (answer) => done(answer as T));
    child.once('exit', (code) => failed(new Error(`A process of the benchmark ended with ${code}.`)));
    child.send(message as Task);
  });
}

function listen(server: net.Server): Promise<number> {
  return new Promise((done) => {
    server.listen(0, '127.0.0.1', () => done((server.address() as net.AddressInfo).port));
  });
}

/** The load: `streams` TCP connections in ping-pong through `port`. */
function startLoad(streams: number, port: number, counted: () => void): net.Socket[] {
  const message = Buffer.alloc(MESSAGE_BYTES, 'm');
  return Array.from({ length: streams }, () => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let missing = MESSAGE_BYTES;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      missing -= chunk.length;
      if (missing > 0) return;
      missing = MESSAGE_BYTES;
      counted();
      socket.write(message);
    });
    socket.write(message);
    return socket;
  });
}

async function run(kind: Kind, { mode, streams }: Case, certs: TestCerts): Promise<Result> {
  const echo = net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('error', () => {});
  });
  const file = new URL('./h2-process.ts', import.meta.url);
  const [gateway, cli] = [fork(file), fork(file)];
  let trips = 0;
  let sockets: net.Socket[] = [];
  try {
    const task = {
      kind,
      mode,
      streams,
      messageBytes: MESSAGE_BYTES,
      key: certs.key,
      cert: certs.cert,
      ca: certs.ca,
    };
    const port = await ask<number>(gateway, { ...task, role: 'gateway', port: await listen(echo) });
    const local = await ask<number>(cli, { ...task, role: 'cli', port });
    if (mode === 'tunnel') sockets = startLoad(streams, local, () => trips++);
    await sleep(WARM_UP_MS);
    const usage = async (): Promise<Usage> => {
      const a = await ask<Usage>(gateway, 'usage');
      const b = await ask<Usage>(cli, 'usage');
      return { ...b, cpuMicros: a.cpuMicros + b.cpuMicros, count: mode === 'tunnel' ? trips : b.count };
    };
    const before = await usage();
    const start = performance.now();
    await sleep(Number(values.seconds) * 1_000);
    const after = await usage();
    const seconds = (performance.now() - start) / 1_000;
    const count = after.count - before.count;
    const cpuMicros = (after.cpuMicros - before.cpuMicros) / count;
    return { perSecond: count / seconds, cpuMicros, p50Ms: after.p50Ms, p99Ms: after.p99Ms };
  } finally {
    for (const socket of sockets) socket.destroy();
    gateway.kill();
    cli.kill();
    echo.close();
  }
}

const certs = await makeCerts();
const kinds = KINDS.filter((kind) => kind.includes(values.only) || kind === KINDS[0]);
print(`${'case'.padEnd(12)}${kinds.map((kind) => kind.padStart(28)).join('')}`);
for (const entry of CASES.filter(({ mode }) => mode.includes(values.mode))) {
  const results = kinds.map((): Result[] => []);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, kind] of kinds.entries()) results[i]!.push(await run(kind, entry, certs));
  }
  const cells = results.map((list) => {
    const of = (key: keyof Result): number => median(list.map((result) => result[key]));
    if (entry.mode === 'bulk')
      return `${(of('perSecond') / 1e6).toFixed(0)} MB/s ${(of('cpuMicros') * 1e3).toFixed(2)} ns/B`;
    const trips = `${of('perSecond').toFixed(0)}/s`;
    if (entry.mode === 'mixed') return `p50 ${of('p50Ms').toFixed(2)} p99 ${of('p99Ms').toFixed(2)} ms`;
    const latency = entry.mode === 'ping' ? ` p99 ${of('p99Ms').toFixed(2)}` : '';
    return `${trips} ${of('cpuMicros').toFixed(1)} µs${latency}`;
  });
  print(`${`${entry.mode} ${entry.streams}`.padEnd(12)}${cells.map((cell) => cell.padStart(28)).join('')}`);
}
