import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/core/limits.ts';
import { UpstreamRefused } from '../../../src/core/upstream-refused.ts';
import type { TlsMode } from '../../../src/gateway/upstream/types.ts';
import { isLoopback } from '../../../src/gateway/upstream/upstream.ts';
import * as build from '../../../src/wire/build-backend.ts';
import {
  bytesOf,
  connectTo,
  READY,
  rejection,
  STARTUP,
  say,
  scriptedServer,
  upstream,
} from './scripted-server.ts';

const header = (type: string, length: number): Buffer => {
  const bytes = Buffer.alloc(5, type);
  bytes.writeUInt32BE(length >>> 0, 1);
  return bytes;
};
const error = (sqlstate: string, message: string): Buffer =>
  build.errorResponse({ severity: 'FATAL', sqlstate, message });
const sasl = build.authenticationSasl(['SCRAM-SHA-256']);
const serverFirst = (first: Buffer, more = 'x'): Buffer => {
  const nonce = /r=(.*)$/.exec(first.toString('latin1'))![1];
  return build.authenticationSaslContinue(Buffer.from(`r=${nonce}${more},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`));
};

describe('a server that does not speak PostgreSQL', () => {
  it.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
    ['zeros', Buffer.alloc(4_096)],
    ['a giant authentication message', Buffer.concat([header('R', 0x3fff_ffff), Buffer.alloc(64)])],
    ['a giant error', header('E', 0x7fff_ffff)],
    ['a length above 2 GB', header('R', 0xffff_fff0)],
    ['a length below its own four bytes', header('R', 3)],
    ['an error as text, as before protocol 3', Buffer.from('Ecould not fork new process\n\0')],
    ['ReadyForQuery at once', READY],
    ['an authentication request without a code', header('R', 4)],
    ['an unknown authentication request', Buffer.concat([header('R', 8), Buffer.from([0, 0, 0, 99])])],
    ['a malformed error', Buffer.concat([header('E', 8), Buffer.from('SABC')])],
    ['MD5 without a salt', Buffer.concat([header('R', 8), Buffer.from([0, 0, 0, 5])])],
    [
      'two protocol negotiations',
      Buffer.concat(Array(2).fill(build.negotiateProtocolVersion({ major: 3, minor: 0, options: [] }))),
    ],
    ['the end of SASL without its beginning', build.authenticationSaslFinal(Buffer.from('v=x'))],
  ])('%s is database_unreachable, and the connection is dropped', async (_, bytes) => {
    await using server = await scriptedServer((socket) => void socket.write(bytes));
    const failure = await rejection(connectTo(server));
    expect(failure).toMatchObject({ code: 'database_unreachable' });
    expect(failure).not.toBeInstanceOf(UpstreamRefused);
    expect(failure.message).toMatch(/^Target "shop" (does not answer as PostgreSQL does|asks for a way)/);
    await server.idle();
  });

  it.each([
    [
      'asks for the password again and again',
      (socket: Socket) => {
        socket.on('data', () => void socket.write(build.authenticationCleartextPassword()));
        socket.write(build.authenticationCleartextPassword());
      },
    ],
    [
      'floods authentication requests',
      (socket: Socket) => {
        const flood = (): void => {
          while (!socket.destroyed && socket.write(build.authenticationMd5Password(Buffer.from('salt'))));
        };
        socket.on('drain', flood);
        flood();
      },
    ],
    [
      'goes on with SASL for ever',
      (socket: Socket) => {
        socket.on('data', (data) => void socket.write(serverFirst(data, 'y')));
        socket.write(sasl);
      },
    ],
    [
      'says Ok in place of its SCRAM proof',
      (socket: Socket) => {
        socket.once('data', (first) => {
          socket.write(serverFirst(first));
          socket.once('data', () => void socket.write(Buffer.concat([build.authenticationOk(), READY])));
        });
        socket.write(sasl);
      },
    ],
    [
      'says Ok before it has begun SCRAM',
      (socket: Socket) => {
        socket.once('data', () => void socket.write(Buffer.concat([build.authenticationOk(), READY])));
        socket.write(sasl);
      },
    ],
  ])('one that %s is refused', async (_, serve) => {
    await using server = await scriptedServer(serve);
    expect(await rejection(connectTo(server))).toMatchObject({
      code: 'database_unreachable',
      message: 'Target "shop" does not answer as PostgreSQL does.',
    });
    await server.idle();
  });

  it('does not get a session with a wrong SCRAM proof', async () => {
    await using server = await scriptedServer((socket) => {
      socket.once('data', (first) => {
        socket.write(serverFirst(first));
        const proof = Buffer.from(`v=${Buffer.alloc(32, 1).toString('base64')}`);
        socket.once(
          'data',
          () =>
            void socket.write(
              Buffer.concat([build.authenticationSaslFinal(proof), build.authenticationOk(), READY]),
            ),
        );
      });
      socket.write(sasl);
    });
    const failure = await rejection(connectTo(server));
    expect(failure.message).toBe('The gateway could not sign in to target "shop".');
    expect(String(failure.cause)).toMatch(/did not prove/);
    await server.idle();
  });

  it.each([
    ['GSS', 7],
    ['SSPI', 9],
    ['Kerberos', 2],
  ])('cannot have %s', async (_, code) => {
    const request = Buffer.concat([header('R', 8), Buffer.from([0, 0, 0, code])]);
    await using server = await scriptedServer((socket) => void socket.write(request));
    const failure = await rejection(connectTo(server));
    expect(failure.message).toBe('Target "shop" asks for a way to sign in that gw does not support.');
    expect(failure.hint).toMatch(/pg_hba\.conf/);
  });
});

describe('the answer to SSLRequest', () => {
  const withMode = (mode: TlsMode) => ({ tls: { mode } });

  it.each([
    ['S and more', 'require', Buffer.from('Sx'), /does not answer as/],
    ['N and more', 'prefer', Buffer.from('Nx'), /does not answer as/],
    ['something else', 'prefer', Buffer.from('H'), /does not answer as/],
    ['an error', 'prefer', error('XX000', 'do not show this'), /refused the connection before TLS/],
    ['N where TLS is demanded', 'require', Buffer.from('N'), /does not offer TLS/],
    ['N where the certificate must be checked', 'verify-full', Buffer.from('N'), /does not offer TLS/],
  ] as const)('%s is refused', async (_, mode, answer, message) => {
    await using server = await scriptedServer((socket) => void socket.write(answer), withMode(mode));
    const failure = await rejection(connectTo(server));
    expect(failure).toMatchObject({ code: 'database_unreachable' });
    expect(failure.message).toMatch(message);
    expect(`${failure.message}${failure.detail}${failure.hint}`).not.toMatch(/do not show/);
    await server.idle();
  });

  it.each([
    ['garbage', say(Buffer.alloc(500, 'x'))],
    ['an end', (socket: Socket) => void socket.end()],
    ['a reset', (socket: Socket) => void socket.resetAndDestroy()],
  ])('S, then %s in place of a handshake', async (_, next) => {
    await using server = await scriptedServer((socket) => {
      socket.once('data', () => next(socket));
      socket.write('S');
    }, withMode('prefer'));
    expect(await rejection(connectTo(server))).toMatchObject({ code: 'database_unreachable' });
    expect(server.accepted).toBe(1);
    await server.idle();
  });

  it('N lets "prefer" go on without TLS, on the same connection', async () => {
    await using server = await scriptedServer((socket) => {
      socket.once('data', () => void socket.write(Buffer.concat([build.authenticationOk(), READY])));
      socket.write('N');
    }, withMode('prefer'));
    const { channel } = await connectTo(server);
    expect(await bytesOf(channel, READY.length)).toEqual(READY);
    expect(server.accepted).toBe(1);
    channel.destroy();
  });
});

describe('what follows Ok', () => {
  it.each([1, 2, 5, 13])('arrives whole however it is cut (pieces of %d bytes)', async (size) => {
    const negotiation = build.negotiateProtocolVersion({ major: 3, minor: 0, options: ['_pq_.x'] });
    const notice = build.noticeResponse({ severity: 'WARNING', sqlstate: '01000', message: 'collation' });
    const tail = Buffer.concat([notice, READY]);
    const all = Buffer.concat([negotiation, build.authenticationOk(), tail]);
    await using server = await scriptedServer(async (socket) => {
      socket.setNoDelay(true);
      for (let at = 0; at < all.length; at += size) {
        socket.write(all.subarray(at, at + size));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const connection = await connectTo(server);
    expect(connection.negotiation).toEqual(negotiation);
    expect(await bytesOf(connection.channel, tail.length)).toEqual(tail);
    connection.channel.destroy();
  });

  it.each([
    ['3D000', 'unknown_database'],
    ['53300', 'too_many_sessions'],
    ['42501', 'denied'],
    ['57P03', 'database_unreachable'],
  ])('an error %s is passed on byte for byte, before or after Ok', async (sqlstate, code) => {
    const refusal = error(sqlstate, 'the words of the server');
    const notice = build.noticeResponse({ severity: 'WARNING', sqlstate: '01000', message: 'collation' });
    for (const before of [[], [build.authenticationOk()], [build.authenticationOk(), notice]]) {
      await using server = await scriptedServer(
        (socket) => void socket.end(Buffer.concat([...before, refusal])),
      );
      const failure = await rejection(connectTo(server));
      expect(failure).toBeInstanceOf(UpstreamRefused);
      expect(failure).toMatchObject({ code, sqlstate, fields: refusal.subarray(5) });
      expect(failure.message).not.toMatch(/words/);
      await server.idle();
    }
  });

  it.each(['28000', '28P01'])('an error %s about the login is not', async (sqlstate) => {
    const refusal = error(sqlstate, 'role "gw" is not permitted to log in');
    for (const before of [[], [build.authenticationOk()]]) {
      await using server = await scriptedServer(
        (socket) => void socket.end(Buffer.concat([...before, refusal])),
      );
      const failure = await rejection(connectTo(server));
      expect(failure).not.toBeInstanceOf(UpstreamRefused);
      expect(failure.message).toBe('The gateway could not sign in to target "shop".');
      expect(`${failure.message}${failure.detail}${failure.hint}`).not.toMatch(/role/);
      expect(String(failure.cause)).toMatch(/role "gw"/);
    }
  });

  it('may be notices without end, which are not kept', async () => {
    const notice = build.noticeResponse({
      severity: 'WARNING',
      sqlstate: '01000',
      message: 'x'.repeat(9_000),
    });
    await using server = await scriptedServer((socket) => {
      socket.write(build.authenticationOk());
      for (let sent = 0; sent < 4 * LIMITS.authMessageBytes; sent += notice.length) socket.write(notice);
    });
    const { channel } = await connectTo(server);
    expect((await bytesOf(channel, 2 * LIMITS.authMessageBytes)).subarray(0, notice.length)).toEqual(notice);
    channel.destroy();
  });
});

describe('what is sent', () => {
  it('is the login, the database and the parameters, in this order', async () => {
    let sent: Buffer | undefined;
    await using server = await scriptedServer((socket, first) => {
      sent = first;
      socket.write(Buffer.concat([build.authenticationOk(), READY]));
    });
    const { channel } = await upstream(server.target).connect({
      database: 'orders',
      protocol: { major: 3, minor: 2 },
      parameters: [
        ['application_name', 'alice'],
        ['user', 'postgres'],
        ['DateStyle', 'ISO'],
      ],
    });
    expect(sent!.readUInt32BE(4)).toBe(0x0003_0002);
    expect(sent!.toString('latin1', 8)).toBe(
      'user\0gw\0database\0orders\0application_name\0alice\0DateStyle\0ISO\0\0',
    );
    channel.destroy();
  });

  it('is never a replication connection', async () => {
    await using server = await scriptedServer(() => {});
    const attempt = upstream(server.target).connect({
      ...STARTUP,
      parameters: [['replication', 'database']],
    });
    expect(await rejection(attempt)).toMatchObject({ code: 'unsupported' });
    expect(server.accepted).toBe(0);
  });

  it('is a cancel request as it came', async () => {
    let sent: Buffer | undefined;
    await using server = await scriptedServer((socket, first) => {
      sent = first;
      socket.end();
    });
    await upstream(server.target).cancel(4711, Buffer.from('a key of 3.2'));
    expect(sent!.readUInt32BE(0)).toBe(sent!.length);
    expect(sent!.readUInt32BE(4)).toBe(80_877_102);
    expect(sent!.readUInt32BE(8)).toBe(4711);
    expect(sent!.toString('latin1', 12)).toBe('a key of 3.2');
    await server.idle();
  });

  it.each([
    ['127.0.0.1', true],
    ['127.255.0.3', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['::ffff:10.0.0.1', false],
    ['127.evil.example', false],
    [undefined, false],
  ])('goes in clear text to %s: %s', (address, isSafe) => {
    expect(isLoopback(address)).toBe(isSafe);
  });
});

describe('a login without a password', () => {
  it('fails when the server asks for one', async () => {
    await using server = await scriptedServer(
      (socket) => void socket.write(build.authenticationCleartextPassword()),
      { login: { user: 'gw' } },
    );
    const failure = await rejection(connectTo(server));
    expect(failure.message).toBe('The gateway could not sign in to target "shop".');
    expect(String(failure.cause)).toMatch(/has none/);
  });
});
