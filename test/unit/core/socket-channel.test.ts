import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, it } from 'vitest';
import type { Channel } from '../../../src/core/channel.ts';
import { dialChannel, type SocketChannel, socketChannel } from '../../../src/core/socket-channel.ts';

/** Records what a channel delivers, in order, and lets a test wait for it. */
class Recorder {
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  error: Error | undefined;
  #waiting: { done: () => boolean; resolve: () => void }[] = [];
  onData: (() => void) | undefined;

  data(chunk: Buffer): void {
    this.events.push('data');
    this.chunks.push(Buffer.from(chunk));
    this.onData?.();
    this.#wake();
  }
  drain(): void {
    this.#note('drain');
  }
  end(): void {
    this.#note('end');
  }
  close(error: Error | undefined): void {
    this.error = error;
    this.#note('close');
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ done, resolve }));
  }
  heard(event: string): Promise<void> {
    return this.until(() => this.events.includes(event));
  }
  #note(event: string): void {
    this.events.push(event);
    this.#wake();
  }
  #wake(): void {
    for (const waiter of this.#waiting.filter(({ done }) => done())) waiter.resolve();
    this.#waiting = this.#waiting.filter(({ done }) => !done());
  }
}

const started = (channel: Channel): Recorder => {
  const recorder = new Recorder();
  channel.start(recorder);
  return recorder;
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** A byte pattern without a short period and different for each seed, so that a misplaced byte shows. */
const pattern = (size: number, seed = 0): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, i) => seed * 31 + ((i * 7919) >> 3)));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listening(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as { port: number }).port };
}

/** A dialled channel and the raw socket at the other end. */
async function dialled(): Promise<{ channel: SocketChannel; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  const address = await listening(server);
  const [channel, [peer]] = await Promise.all([dialChannel(address), once(server, 'connection')]);
  (peer as Socket).on('error', () => {});
  closers.push(
    () => channel.destroy(),
    () => peer.destroy(),
  );
  return { channel, peer };
}

/** An accepted channel and the raw socket that connected. */
async function accepted(): Promise<{ channel: SocketChannel; peer: Socket }> {
  const server = createServer();
  const address = await listening(server);
  const { connect } = await import('node:net');
  const peer = connect({ ...address, allowHalfOpen: true });
  peer.on('error', () => {});
  const [[socket]] = await Promise.all([once(server, 'connection'), once(peer, 'connect')]);
  const channel = socketChannel(socket);
  closers.push(
    () => channel.destroy(),
    () => peer.destroy(),
  );
  return { channel, peer };
}

/** A channel over a TLS client socket and the server's side of it. */
async function encrypted(): Promise<{ channel: SocketChannel; peer: Socket }> {
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
  const server = createTlsServer({ key: pem.private, cert: pem.cert, allowHalfOpen: true });
  const address = await listening(server);
  const socket = tlsConnect({ ...address, rejectUnauthorized: false });
  const [[peer]] = await Promise.all([once(server, 'secureConnection'), once(socket, 'secureConnect')]);
  (peer as TLSSocket).on('error', () => {});
  const channel = socketChannel(socket);
  closers.push(
    () => channel.destroy(),
    () => peer.destroy(),
  );
  return { channel, peer };
}

describe.each([
  ['dialled', dialled],
  ['accepted', accepted],
  ['TLS', encrypted],
] as const)('a channel over a %s socket', (kind, make) => {
  it('delivers what the peer sends, in order', async () => {
    const { channel, peer } = await make();
    const recorder = started(channel);
    const sent = pattern(300_000);
    peer.write(sent);
    await recorder.until(() => recorder.bytes.length === sent.length);
    expect(recorder.bytes.equals(sent)).toBe(true);
  });

  it('delivers nothing before start, and all of it after', async () => {
    const { channel, peer } = await make();
    peer.write('early');
    peer.end();
    await turn();
    await turn();
    const recorder = started(channel);
    await recorder.heard('end');
    expect(recorder.bytes.toString()).toBe('early');
    expect(recorder.events.at(-1)).toBe('end');
  });

  it('hears an end without data that came before start', async () => {
    const { channel, peer } = await make();
    peer.end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const recorder = started(channel);
    await recorder.heard('end');
    expect(recorder.events).toEqual(['end']);
  });

  it('copies what it writes, whatever happens to the buffer', async () => {
    const { channel, peer } = await make();
    started(channel);
    const received: Buffer[] = [];
    peer.pause();
    const sizes = [1, 100, 4096, 4097, 70_000, 65_536, 5_000, 3, 262_144, 17, 40_000, 40_000];
    const expected: Buffer[] = [];
    for (const [index, size] of sizes.entries()) {
      const bytes = pattern(size, index);
      expected.push(Buffer.from(bytes));
      channel.write(bytes);
      bytes.fill(0xee);
    }
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const all = new Promise<void>((resolve) => {
      peer.on('data', (chunk) => {
        received.push(chunk);
        if (received.reduce((sum, part) => sum + part.length, 0) === total) resolve();
      });
    });
    peer.resume();
    await all;
    expect(Buffer.concat(received).equals(Buffer.concat(expected))).toBe(true);
  });

  it('copies what has to wait because the peer does not read', async () => {
    const { channel, peer } = await make();
    const recorder = started(channel);
    const expected: Buffer[] = [];
    let isFull = false;
    for (let i = 0; !isFull || i % 64 !== 0; i++) {
      const bytes = pattern([7, 900, 30_000][i % 3]! + i, i);
      expected.push(Buffer.from(bytes));
      if (!channel.write(bytes)) isFull = true;
      bytes.fill(0xee);
    }
    expect(recorder.events).toEqual([]);
    const want = Buffer.concat(expected);
    const received: Buffer[] = [];
    const all = new Promise<void>((resolve) => {
      let size = 0;
      peer.on('data', (chunk) => {
        received.push(chunk);
        size += chunk.length;
        if (size === want.length) resolve();
      });
    });
    await Promise.all([all, recorder.heard('drain')]);
    expect(Buffer.concat(received).equals(want)).toBe(true);
    expect(recorder.events.filter((event) => event === 'drain')).toEqual(['drain']);
  });

  it('stops at pause, even inside data, and goes on at resume', async () => {
    const { channel, peer } = await make();
    const recorder = new Recorder();
    recorder.onData = () => channel.pause();
    channel.start(recorder);
    const sent = pattern(1_000_000);
    peer.write(sent);
    let rounds = 0;
    while (recorder.bytes.length < sent.length) {
      await recorder.until(() => recorder.events.length > rounds);
      for (let i = 0; i < 3; i++) await turn();
      expect(recorder.events.length).toBe(rounds + 1);
      rounds++;
      channel.resume();
    }
    expect(recorder.bytes.equals(sent)).toBe(true);
  });

  it('stays paused when resumed and paused again in one turn', async () => {
    const { channel, peer } = await make();
    channel.pause();
    const recorder = started(channel);
    peer.write('later');
    channel.resume();
    channel.pause();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(recorder.events).toEqual([]);
    channel.resume();
    await recorder.heard('data');
    expect(recorder.bytes.toString()).toBe('later');
  });

  it('is half open: the peer can end and still be answered', async () => {
    const { channel, peer } = await make();
    const recorder = started(channel);
    const answer: Buffer[] = [];
    peer.on('data', (chunk) => answer.push(chunk));
    peer.end('question');
    await recorder.heard('end');
    await turn();
    expect(recorder.events).toEqual(['data', 'end']);
    channel.write(Buffer.from('answer'));
    channel.end();
    channel.write(Buffer.from('ignored'));
    channel.end();
    await recorder.heard('close');
    if (!peer.closed) await once(peer, 'close');
    expect(Buffer.concat(answer).toString()).toBe('answer');
    expect(recorder.error).toBeUndefined();
    expect(recorder.events).toEqual(['data', 'end', 'close']);
  });

  it('closes once and cleanly on destroy, however often', async () => {
    const { channel } = await make();
    const recorder = started(channel);
    channel.destroy();
    channel.destroy();
    expect(channel.write(Buffer.from('x'))).toBe(true);
    channel.pause();
    channel.resume();
    channel.end();
    await recorder.heard('close');
    channel.destroy();
    await turn();
    expect(recorder.events).toEqual(['close']);
    expect(recorder.error).toBeUndefined();
  });

  it('tells of a close that came before start', async () => {
    const { channel } = await make();
    channel.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const recorder = started(channel);
    expect(recorder.events).toEqual([]);
    await recorder.heard('close');
    await turn();
    expect(recorder.events).toEqual(['close']);
  });

  it('reports a reset as the error of its close', async () => {
    const { channel, peer } = await make();
    const recorder = started(channel);
    const parent = (peer as { _parent?: Socket })._parent ?? peer;
    parent.resetAndDestroy();
    await recorder.heard('close');
    expect(recorder.error).toMatchObject({ code: 'ECONNRESET' });
    expect(recorder.events.filter((event) => event === 'close')).toEqual(['close']);
  });

  it('keeps an error that came before start', async () => {
    if (kind === 'dialled') return; // nothing is read before start, so nothing is heard
    const { channel, peer } = await make();
    ((peer as { _parent?: Socket })._parent ?? peer).resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const recorder = started(channel);
    await recorder.heard('close');
    expect(recorder.error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('delivers nothing after destroy inside data', async () => {
    const { channel, peer } = await make();
    const recorder = new Recorder();
    recorder.onData = () => channel.destroy();
    channel.start(recorder);
    peer.write(pattern(500_000));
    await recorder.heard('close');
    expect(recorder.events).toEqual(['data', 'close']);
  });

  it('can be rewound, so that a successor gets what was read ahead and then the rest', async () => {
    const { channel, peer } = await make();
    const opening = new Recorder();
    opening.onData = () => channel.pause();
    channel.start(opening);
    peer.write('hello rest');
    await opening.heard('data');
    channel.rewind(opening.bytes.subarray(6));
    peer.end(' and more');
    await turn();
    const recorder = started(channel);
    expect(recorder.events).toEqual([]);
    await recorder.heard('end');
    expect(recorder.bytes.toString()).toBe('rest and more');
    expect(recorder.chunks[0]?.toString()).toBe('rest');
    expect(opening.events).toEqual(['data']);
    channel.end();
    await recorder.heard('close');
  });

  it('holds what was read ahead while it is paused, and forgets it when destroyed', async () => {
    const { channel } = await make();
    started(channel);
    channel.pause();
    channel.rewind(Buffer.from('ahead'));
    const recorder = started(channel);
    channel.pause();
    await turn();
    expect(recorder.events).toEqual([]);
    channel.destroy();
    await recorder.heard('close');
    expect(recorder.events).toEqual(['close']);
  });

  it('may be destroyed while what was read ahead is delivered', async () => {
    const { channel } = await make();
    started(channel);
    channel.pause();
    channel.rewind(Buffer.from('ahead'));
    const recorder = new Recorder();
    recorder.onData = () => channel.destroy();
    channel.start(recorder);
    await recorder.heard('close');
    expect(recorder.events).toEqual(['data', 'close']);
  });

  it('is started once', async () => {
    const { channel } = await make();
    started(channel);
    expect(() => started(channel)).toThrow();
  });

  it('sends a buffer it was given without copying it', async () => {
    const { channel, peer } = await make();
    started(channel);
    channel.writeOwned(Buffer.from('given'));
    const [chunk] = await once(peer, 'data');
    expect(chunk.toString()).toBe('given');
  });
});

describe('dialling', () => {
  it('shares one read buffer between connections without mixing them up', async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, dialled));
    const recorders = pairs.map(({ channel }) => started(channel));
    for (let round = 0; round < 20; round++) {
      pairs.forEach(({ peer }, i) => void peer.write(Buffer.alloc(1_000 + i, i)));
      await turn();
    }
    await Promise.all(recorders.map((r, i) => r.until(() => r.bytes.length === 20 * (1_000 + i))));
    const isPure = recorders.map((r, i) => r.bytes.every((byte) => byte === i));
    expect(isPure).toEqual(pairs.map(() => true));
  });

  it('keeps what waits on one connection apart from what is sent on another', async () => {
    const [slow, quick] = await Promise.all([dialled(), dialled()]);
    started(slow.channel);
    started(quick.channel);
    const sizes = [900, 12_000, 50_000, 200_000];
    const expected: Buffer[] = [];
    for (let i = 0, isFull = false; !isFull; i++) {
      const bytes = pattern(sizes[i % 4]!, i);
      expected.push(bytes);
      isFull = !slow.channel.write(bytes);
      for (const size of sizes) quick.channel.write(Buffer.alloc(size, 0xee));
      quick.peer.resume();
      await turn();
    }
    const want = Buffer.concat(expected);
    const received: Buffer[] = [];
    for await (const chunk of slow.peer) {
      received.push(chunk);
      if (received.reduce((sum, part) => sum + part.length, 0) >= want.length) break;
    }
    expect(Buffer.concat(received).equals(want)).toBe(true);
  });

  it('reaches a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gw-channel-'));
    closers.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 's');
    const server = createServer((socket) => socket.end('hello'));
    server.listen(path);
    await once(server, 'listening');
    closers.push(() => server.close());
    const channel = await dialChannel({ path });
    const recorder = started(channel);
    await recorder.heard('end');
    expect(recorder.bytes.toString()).toBe('hello');
    channel.end();
    await recorder.heard('close');
  });

  it('tries the next address of a name', async () => {
    const server = createServer((socket) => socket.end('hello'));
    const { port } = await listening(server);
    const channel = await dialChannel({ host: 'localhost', port });
    const recorder = started(channel);
    await recorder.heard('data');
    expect(recorder.bytes.toString()).toBe('hello');
    channel.destroy();
  });

  it('rejects with the code of the failure', async () => {
    const server = createServer();
    const address = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    await expect(dialChannel(address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(dialChannel({ path: '/nonexistent/socket' })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gives up with the reason of its signal, before and while connecting', async () => {
    const reason = new Error('enough');
    await expect(
      dialChannel({ host: '127.0.0.1', port: 9 }, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    const server = createServer();
    const address = await listening(server);
    const controller = new AbortController();
    const attempt = dialChannel(address, { signal: controller.signal });
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });
});

describe('detach', () => {
  it('gives the socket back for a TLS handshake', async () => {
    const pem = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
    const { TLSSocket } = await import('node:tls');
    const server = createServer((socket) => {
      socket.once('data', (chunk) => {
        socket.write('S');
        expect(chunk.toString()).toBe('start TLS');
        const secure = new TLSSocket(socket, { isServer: true, key: pem.private, cert: pem.cert });
        secure.on('error', () => {});
        secure.on('data', (data) => secure.end(data));
      });
    });
    const channel = await dialChannel(await listening(server));
    const plain = started(channel);
    plain.onData = () => channel.pause();
    channel.write(Buffer.from('start TLS'));
    await plain.heard('data');
    const socket = tlsConnect({ socket: channel.detach(), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const secure = socketChannel(socket);
    const recorder = started(secure);
    secure.write(Buffer.from('echo'));
    await recorder.heard('end');
    secure.end();
    await recorder.heard('close');
    expect(recorder.bytes.toString()).toBe('echo');
    expect(plain.events).toEqual(['data']);
  });
});
