import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as build from '../../../src/wire/build-backend.ts';
import { tempDir } from '../../support/temp.ts';
import {
  bytesOf,
  connectTo,
  quiet,
  READY,
  rejection,
  say,
  scriptedServer,
  upstream,
} from './scripted-server.ts';

const sasl = build.authenticationSasl(['SCRAM-SHA-256']);

describe('time', () => {
  it.each([
    ['never answers', 'disable', quiet, 'signing in'],
    ['never answers SSLRequest', 'require', quiet, 'agreeing on TLS'],
    ['never shakes hands', 'require', say('S'), 'agreeing on TLS'],
    ['never answers the password', 'disable', say(build.authenticationCleartextPassword()), 'signing in'],
    ['falls silent after Ok', 'disable', say(build.authenticationOk()), 'starting a session'],
    ['sends half a message', 'disable', say(sasl.subarray(0, 9)), 'signing in'],
  ] as const)('is up for a server that %s', async (_, mode, serve, phase) => {
    await using server = await scriptedServer(serve, { tls: { mode } });
    expect(await rejection(connectTo(server, { connectTimeoutMs: 150 }))).toMatchObject({
      code: 'database_unreachable',
      message: `Target "shop" did not answer within 0.15 seconds (${phase}).`,
    });
    await server.idle();
  });

  it('is up for a cancel that nobody takes', async () => {
    await using server = await scriptedServer(() => {});
    const failure = await rejection(
      upstream(server.target, { cancelTimeoutMs: 100 }).cancel(1, Buffer.from('abcd')),
    );
    expect(failure.message).toBe(
      'Target "shop" did not answer within 0.1 seconds (delivering a cancel request).',
    );
    await server.idle();
  });
});

describe('giving up', () => {
  const folder = tempDir('deadlines');
  const ended = join(folder.path, 'ended');
  const touchLater = 'setTimeout(() => require("node:fs").writeFileSync(process.argv[1], ""), 2_000)';
  const slow = [process.execPath, '-e', touchLater, ended];
  afterAll(() => folder[Symbol.dispose]());

  it.each([
    ['before it is asked about TLS', 'require', undefined, quiet],
    ['in the handshake', 'require', undefined, say('S')],
    ['before it asks for a password', 'disable', undefined, quiet],
    ['while a command finds the password', 'disable', slow, say(build.authenticationCleartextPassword())],
    ['before it takes the password', 'disable', undefined, say(build.authenticationCleartextPassword())],
    ['after Ok', 'disable', undefined, say(build.authenticationOk())],
  ] as const)('%s leaves no connection', async (_, mode, argv, serve) => {
    let reached = (): void => {};
    const wasReached = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const password = argv
      ? ({ kind: 'command', argv, ttlMs: 1_000 } as const)
      : ({ kind: 'env', name: 'DB_PASSWORD' } as const);
    await using server = await scriptedServer(
      (socket) => {
        serve(socket);
        setTimeout(reached, 20);
      },
      { tls: { mode }, login: { user: 'gw', password } },
    );
    const controller = new AbortController();
    const attempt = rejection(connectTo(server, {}, controller.signal));
    await wasReached;
    controller.abort();
    expect(await attempt).toMatchObject({ code: 'cancelled' });
    await server.idle();
    expect(existsSync(ended), 'it waited for the command').toBe(false);
  });

  it('beforehand does not even dial', async () => {
    await using server = await scriptedServer(() => {});
    const failure = await rejection(connectTo(server, {}, AbortSignal.abort()));
    expect(failure).toMatchObject({ code: 'cancelled' });
    expect(server.accepted).toBe(0);
  });

  it('after it is connected changes nothing', async () => {
    await using server = await scriptedServer((socket) => {
      socket.write(Buffer.concat([build.authenticationOk(), READY]));
      socket.on('data', (data) => void socket.write(data));
    });
    const controller = new AbortController();
    const { channel } = await connectTo(server, {}, controller.signal);
    controller.abort();
    const received = bytesOf(channel, READY.length + 4);
    channel.write(Buffer.from('ping'));
    expect((await received).subarray(READY.length).toString()).toBe('ping');
    channel.destroy();
    await server.idle();
  });

  it.each([
    ['at once', (socket: Socket) => void socket.end()],
    ['with a reset', (socket: Socket) => void socket.resetAndDestroy()],
    ['in the middle of a message', (socket: Socket) => void socket.end(sasl.subarray(0, 7))],
    ['after Ok', (socket: Socket) => void socket.end(build.authenticationOk())],
  ])('is what a server does that closes %s', async (_, serve) => {
    await using server = await scriptedServer(serve);
    expect(await rejection(connectTo(server))).toMatchObject({
      code: 'database_unreachable',
      message: 'Target "shop" closed the connection before the session began.',
    });
    await server.idle();
  });
});
