import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  type LoopbackPair,
  ownerOf,
  type Peer,
  PeerCheck,
  rowKeys,
} from '../../../src/cli/tunnel/peer-check.ts';

/** Containers often have IPv4 only. */
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const PAIR: LoopbackPair = {
  clientAddress: '127.0.0.1',
  clientPort: 54_322,
  serverAddress: '127.0.0.1',
  serverPort: 15_432,
};
const ROW =
  '   1: 0100007F:D432 0100007F:3C48 01 00000000:00000000 00:00000000 00000000  1000        0 374565 1 0000000097840dd5 20 4 30 10 -1';

describe('rowKeys', () => {
  it('writes addresses as the kernel prints them, also those of a client with an IPv6 socket', () => {
    expect(rowKeys(PAIR, 'LE')).toEqual([
      '0100007F:D432 0100007F:3C48',
      '0000000000000000FFFF00000100007F:D432 0000000000000000FFFF00000100007F:3C48',
    ]);
  });
  it('follows the byte order of the machine', () => {
    expect(rowKeys(PAIR, 'BE')[0]).toBe('7F000001:D432 7F000001:3C48');
  });
  it('knows ::1', () => {
    expect(rowKeys({ ...PAIR, clientAddress: '::1', serverAddress: '::1' }, 'LE')).toEqual([
      '00000000000000000000000001000000:D432 00000000000000000000000001000000:3C48',
    ]);
  });
  it('takes a mapped address for the IPv4 address it is', () => {
    const mapped = { ...PAIR, clientAddress: '::ffff:127.0.0.1', serverAddress: '::ffff:127.0.0.1' };
    expect(rowKeys(mapped, 'LE')).toEqual(rowKeys(PAIR, 'LE'));
  });
  it('has nothing to look for when there is no address', () => {
    expect(rowKeys({ ...PAIR, clientAddress: '' }, 'LE')).toEqual([]);
  });
});

describe('ownerOf', () => {
  it('reads the user', () => {
    expect(ownerOf(ROW, 1000)).toBe('same');
    expect(ownerOf(ROW, 1001)).toBe('other');
  });
  it('does not take the user 0 of a closed socket for root', () => {
    expect(ownerOf(ROW.replace(' 1000 ', ' 0 ').replace(' 374565 ', ' 0 '), 0)).toBe('unknown');
  });
  it.each(['', 'garbage', '  sl  local_address rem_address   st tx_queue'])('does not know %j', (row) => {
    expect(ownerOf(row, 0)).toBe('unknown');
  });
});

describe.runIf(process.platform === 'linux')('PeerCheck', () => {
  it('finds our own connections, many at once, over IPv4 and IPv6', async () => {
    const server = createServer().listen(0, hasIpv6 ? '::' : '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as AddressInfo;
    const sockets = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        opened(connect(port, index % 2 === 0 || !hasIpv6 ? '127.0.0.1' : '::1')),
      ),
    );
    const check = new PeerCheck(process.geteuid!());
    const pairs = sockets.map((socket) => ({
      clientAddress: socket.localAddress!,
      clientPort: socket.localPort!,
      serverAddress: socket.remoteAddress!,
      serverPort: socket.remotePort!,
    }));
    const answers = await Promise.all(pairs.map((pair) => ask(check, pair)));
    expect(answers).toEqual(pairs.map(() => 'same'));
    expect(await ask(new PeerCheck(process.geteuid!() + 1), pairs[0]!)).toBe('other');

    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('does not know a connection that does not exist', async () => {
    expect(await ask(new PeerCheck(process.geteuid!()), { ...PAIR, clientPort: 1, serverPort: 2 })).toBe(
      'unknown',
    );
  });
});

const ask = (check: PeerCheck, pair: LoopbackPair): Promise<Peer> =>
  new Promise((resolve) => check.check(pair, resolve));

function opened(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) =>
    socket.once('connect', () => resolve(socket)).once('error', reject),
  );
}
