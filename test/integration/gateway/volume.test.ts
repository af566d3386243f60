import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { copyData, copyDone, query, startup } from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { gwConnect, type LocalTunnel } from '../../support/gw-connect.ts';
import { firstColumn, nativeSession } from '../../support/native-client.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { RawClient } from '../../support/raw-client.ts';
import { TunnelClient } from '../../support/tunnel-client.ts';

/**
 * Much of everything, with the gateway as a process of its own so that its memory can be looked at.
 * GW_TEST_LARGE=1: 2,000 idle sessions and COPY of 1 GB, with what was measured on stderr.
 */
const LARGE = process.env.GW_TEST_LARGE === '1';
const SESSIONS = LARGE ? 2_000 : 300;
const COPY_BYTES = LARGE ? 1024 ** 3 : 64 * 1024 ** 2;
const MiB = 1024 ** 2;
/** What a transfer may add to a process, however long it is: buffers, and garbage between two collections. */
const TRANSFER_BYTES = 128 * MiB;

let postgres: TestPostgres;
let gw: TestGateway;
let tunnel: LocalTunnel;
let alice: SessionGrant;

beforeAll(async () => {
  postgres = await startPostgres({ settings: { max_connections: String(SESSIONS + 50) } });
  gw = await startTestGateway({
    postgres,
    upstreamTls: false,
    child: true,
    configure: (document) => {
      document.limits = { sessions: 5_000, sessions_per_identity: 5_000 };
      document.drain = '1s';
    },
  });
  tunnel = await gwConnect(gw, 'alice');
  alice = await gw.sessionGrant('alice');
}, 120_000);
afterAll(async () => {
  await tunnel?.stop();
  await gw?.stop();
  await postgres?.stop();
}, 120_000);

const report = (text: string): void => {
  if (LARGE) process.stderr.write(`${text}\n`);
};
const megabytes = (bytes: number): string => `${Math.round(bytes / MiB)} MiB`;

/** Resident memory of a process; 0 where the system does not tell. */
function residentBytes(pid: number): number {
  if (process.platform !== 'linux') return 0;
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}

/** The most that each process grew while `work` ran. */
async function grownWhile(pids: readonly number[], work: () => Promise<unknown>): Promise<number[]> {
  const before = pids.map(residentBytes);
  const most = [...before];
  const timer = setInterval(() => {
    pids.forEach((pid, i) => {
      most[i] = Math.max(most[i]!, residentBytes(pid));
    });
  }, 20);
  await work().finally(() => clearInterval(timer));
  return most.map((bytes, i) => bytes - before[i]!);
}

const ROW = Buffer.from(`${'x'.repeat(1023)}\n`);
const CHUNK = copyData(Buffer.concat(Array.from({ length: 64 }, () => ROW)));

async function copyIn(client: RawClient): Promise<void> {
  client.send(query('create temp table bulk (a text)'));
  await client.until('Z');
  client.send(query('copy bulk from stdin'));
  await client.until('G');
  for (let sent = 0; sent < COPY_BYTES; sent += 64 * ROW.length) {
    if (!client.socket.write(CHUNK)) await once(client.socket, 'drain');
  }
  client.send(copyDone());
  expect(await client.until('Z')).toBe('CZ');
}

/** Reads without keeping, up to ReadyForQuery. */
async function copyOut(client: RawClient): Promise<number> {
  const { socket } = client;
  socket.removeAllListeners('data');
  let bytes = 0;
  let tail = Buffer.alloc(0);
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk.subarray(-6)]).subarray(-6);
      if (tail.equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) resolve();
    });
  });
  client.send(query('copy bulk to stdout'));
  await done;
  return bytes;
}

async function local(): Promise<RawClient> {
  const { hostname, port, pathname } = new URL(tunnel.url);
  const client = new RawClient(connect({ host: hostname, port: Number(port), noDelay: true }) as Socket);
  client.send(
    startup([
      ['user', 'alice'],
      ['database', pathname.slice(1)],
    ]),
  );
  await client.until('Z');
  return client;
}

describe(`${SESSIONS} idle sessions over one tunnel`, () => {
  it('stand, cost little memory each, all still work, and all are gone with the tunnel', async () => {
    const { pid } = gw.child!.process;
    const before = residentBytes(pid!);
    const other = await TunnelClient.connect(gw);
    const clients: RawClient[] = [];
    while (clients.length < SESSIONS) {
      const batch = Math.min(50, SESSIONS - clients.length);
      clients.push(...(await Promise.all(Array.from({ length: batch }, () => other.openSession(alice)))));
    }
    const each = (residentBytes(pid!) - before) / SESSIONS;
    report(
      `${SESSIONS} sessions: ${Math.round(each / 1024)} KiB of the gateway each; it has ${megabytes(residentBytes(pid!))}`,
    );
    expect(each).toBeLessThan(200 * 1024);
    for (const client of clients) client.send(query('select 1'));
    for (const client of clients) expect(await client.until('Z')).toBe('TDCZ');
    other.destroy();
    await eventually(
      async () =>
        (await postgres.query(`select 1 from pg_stat_activity where application_name like 'gw:%'`)).length ===
        0,
      'no backend is left',
      60_000,
    );
  }, 300_000);
});

describe.each([
  ['natively', () => nativeSession(gw, alice)],
  ['through gw connect', local],
])(`COPY of ${megabytes(COPY_BYTES)} in and out %s`, (way, open) => {
  it('arrives whole, and the memory of each process on the way stays bounded', async () => {
    const client = await open();
    const pids = [gw.child!.process.pid!, tunnel.child.process.pid!];
    let began = performance.now();
    const rate = (): string =>
      `${Math.round(COPY_BYTES / MiB / ((performance.now() - began) / 1_000))} MiB/s`;
    const inward = await grownWhile(pids, () => copyIn(client));
    report(`COPY in ${way}: ${rate()}; gateway and CLI grew by ${inward.map(megabytes).join(', ')}`);
    client.send(query('select count(*) from bulk'));
    expect(firstColumn(await client.take('Z'))).toEqual([String(COPY_BYTES / ROW.length)]);
    began = performance.now();
    let bytes = 0;
    const outward = await grownWhile(pids, async () => {
      bytes = await copyOut(client);
    });
    report(
      `COPY out ${way}: ${rate()}; gateway and CLI grew by ${outward.map(megabytes).join(', ')}, to ${pids.map(residentBytes).map(megabytes).join(', ')}`,
    );
    expect(bytes).toBeGreaterThan(COPY_BYTES);
    for (const grown of [...inward, ...outward]) expect(grown).toBeLessThan(TRANSFER_BYTES);
    client.destroy();
  }, 300_000);
});
