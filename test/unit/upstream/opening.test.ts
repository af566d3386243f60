import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.ts';
import { dialChannel } from '../../../src/core/socket-channel.ts';
import { authenticate } from '../../../src/gateway/upstream/authenticate.ts';
import { Opening } from '../../../src/gateway/upstream/opening.ts';
import { ScramKeyCache } from '../../../src/gateway/upstream/scram.ts';
import * as build from '../../../src/wire/build-backend.ts';
import { rejection, type Serve, scriptedServer } from './scripted-server.ts';

async function open(serve: Serve): Promise<{ opening: Opening } & AsyncDisposable> {
  const server = await scriptedServer(serve);
  const { host, port } = server.target;
  const opening = new Opening(await dialChannel({ host, port }), false, new AbortController().signal);
  opening.send(Buffer.from('hello'));
  return {
    opening,
    async [Symbol.asyncDispose]() {
      opening.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('an opening', () => {
  it('takes no more than one read from a server that floods', async () => {
    const flood: Serve = async (socket) => {
      const chunk = Buffer.alloc(65_536);
      for (let sent = 0; sent < 32e6 && !socket.destroyed; sent += chunk.length) {
        if (!socket.write(chunk)) await once(socket, 'drain').catch(() => {});
      }
    };
    await using scope = await open(flood);
    await scope.opening.need(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(scope.opening.unread.length).toBeLessThanOrEqual(256 * 1024);
  });

  it('hands over what was not read, and what comes later behind it', async () => {
    await using scope = await open((socket) => {
      socket.write('Rread-ahead ');
      socket.on('data', (data) => void socket.write(data));
    });
    expect(await scope.opening.byte()).toBe(0x52);
    await scope.opening.need(6);
    const channel = scope.opening.handOver();
    const received: string[] = [];
    await new Promise<void>((resolve) => {
      channel.start({
        data: (chunk) => {
          received.push(chunk.toString());
          if (received.join('').endsWith('later')) resolve();
        },
        drain: () => {},
        end: () => {},
        close: () => {},
      });
      channel.write(Buffer.from('later'));
    });
    expect(received.join('')).toBe('read-ahead later');
  });
});

describe('a password in clear text', () => {
  it('does not leave on a connection that is not safe', async () => {
    const sent: Buffer[] = [];
    await using scope = await open((socket) => {
      socket.on('data', (data) => sent.push(data));
      socket.write(build.authenticationCleartextPassword());
    });
    let asked = 0;
    const failure = await rejection(
      authenticate(scope.opening, {
        user: 'gw',
        password: async () => {
          asked++;
          return new Secret('pencil');
        },
        mayUseCleartext: () => false,
        binding: { kind: 'none' },
        scramKeys: new ScramKeyCache(),
      }),
    );
    expect(failure.message).toMatch(/clear text/);
    expect(asked).toBe(0);
    expect(Buffer.concat(sent).toString()).not.toMatch(/pencil/);
  });
});
