import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import type { Channel } from '../../../src/core/channel.ts';
import type { GwError } from '../../../src/core/errors.ts';
import type { UpstreamTarget } from '../../../src/gateway/upstream/types.ts';
import { Upstream, type UpstreamOptions } from '../../../src/gateway/upstream/upstream.ts';
import * as build from '../../../src/wire/build-backend.ts';

/** A server that does exactly what a test says, for faults that PostgreSQL does not have. */
export interface ScriptedServer extends AsyncDisposable {
  readonly target: UpstreamTarget;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Resolves when no connection is open, however it ended. */
  idle(): Promise<void>;
}

/** @param serve gets each connection and what the client sent first */
export async function scriptedServer(
  serve: (socket: Socket, first: Buffer) => void,
  target: Partial<Omit<UpstreamTarget, 'host' | 'port'>> = {},
): Promise<ScriptedServer> {
  const open = new Set<Socket>();
  let accepted = 0;
  let changed = (): void => {};
  const server = createServer((socket) => {
    accepted++;
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      open.delete(socket);
      changed();
    });
    socket.once('data', (first) => serve(socket, first));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: {
      name: 'shop',
      tls: { mode: 'disable' },
      login: { user: 'gw', password: { kind: 'env', name: 'DB_PASSWORD' } },
      ...target,
      host: '127.0.0.1',
      port: (server.address() as { port: number }).port,
    },
    get accepted() {
      return accepted;
    },
    async idle() {
      while (open.size > 0) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const STARTUP = { database: 'shop', protocol: { major: 3, minor: 0 }, parameters: [] } as const;
export const READY = Buffer.concat([
  build.parameterStatus('server_version', '17.0'),
  build.backendKeyData(7, Buffer.from('abcd')),
  build.readyForQuery('I'),
]);

export const upstream = (target: UpstreamTarget, options: UpstreamOptions = {}): Upstream =>
  new Upstream(target, { environment: { DB_PASSWORD: 'pencil' }, connectTimeoutMs: 3_000, ...options });
export const connectTo = (server: ScriptedServer, options?: UpstreamOptions, signal?: AbortSignal) =>
  upstream(server.target, options).connect(STARTUP, signal);
export const rejection = (promise: Promise<unknown>): Promise<GwError> =>
  promise.then(
    () => expect.unreachable('it connected'),
    (error) => error,
  );

export type Serve = (socket: Socket) => void;
export const quiet: Serve = () => {};
export const say =
  (bytes: Buffer | string): Serve =>
  (socket) =>
    void socket.write(bytes);

/** Everything a channel delivers until so many bytes came. */
export function bytesOf(channel: Channel, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    channel.start({
      data: (chunk) => {
        chunks.push(Buffer.from(chunk));
        size += chunk.length;
        if (size >= count) resolve(Buffer.concat(chunks));
      },
      drain: () => {},
      end: () => reject(new Error('ended')),
      close: (error) => reject(error ?? new Error('closed')),
    });
  });
}
