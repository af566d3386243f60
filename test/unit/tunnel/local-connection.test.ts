import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LocalConnection, type LocalHost } from '../../../src/cli/tunnel/local-connection.ts';
import { LocalPassword } from '../../../src/cli/tunnel/local-password.ts';
import type { Way } from '../../../src/cli/tunnel/session-stream.ts';
import type { Channel, ChannelHandlers } from '../../../src/core/channel.ts';
import { GwError } from '../../../src/core/errors.ts';
import type { Headers, Response } from '../../../src/h2/types.ts';
import {
  authenticationOk,
  commandComplete,
  dataRow,
  readyForQuery,
} from '../../../src/wire/build-backend.ts';
import {
  cancelRequest,
  gssEncRequest,
  password as passwordMessage,
  query,
  sslRequest,
  startup,
} from '../../../src/wire/build-frontend.ts';
import { decodeErrorResponse } from '../../../src/wire/notice-fields.ts';

/** The other side of a channel, in the hand of the test. */
class Peer implements Channel {
  handlers!: ChannelHandlers;
  sent = Buffer.alloc(0);
  hasRoom = true;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;
  start(handlers: ChannelHandlers): void {
    this.handlers = handlers;
  }
  write(chunk: Uint8Array): boolean {
    this.sent = Buffer.concat([this.sent, chunk]);
    return this.hasRoom;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isDestroyed = true;
  }
  take(): Buffer {
    const taken = this.sent;
    this.sent = Buffer.alloc(0);
    return taken;
  }
}

const STARTUP = startup([
  ['user', 'alice'],
  ['database', 'shop'],
]);
const READY = Buffer.concat([authenticationOk(), readyForQuery('I')]);

let client: Peer;
let stream: Peer;
let requests: Headers[];
let answer: Response;
let host: LocalHost;
let phases: string[];

beforeEach(() => {
  client = new Peer();
  requests = [];
  phases = [];
  const h2 = {
    open: (headers: Headers, onResponse: Response) => {
      requests.push(headers);
      answer = onResponse;
      stream = new Peer();
      return stream;
    },
  };
  const way = {
    target: 'prod-db',
    link: { live: { h2 } },
    grants: { current: () => ({ token: 'token-1' }), reject: () => {} },
    now: () => 0,
  } as unknown as Way;
  host = {
    way,
    password: undefined,
    moved: (one) => phases.push(one.phase),
    closed: () => phases.push('closed'),
  };
});

const connect = (): LocalConnection => new LocalConnection(host, client, 0);
const send = (...chunks: Uint8Array[]): void => {
  for (const chunk of chunks) client.handlers.data(Buffer.from(chunk));
};

/** The FATAL the client was told, which must be the only thing it was told. */
function told(): ReturnType<typeof decodeErrorResponse> {
  const message = client.take();
  expect(String.fromCharCode(message[0]!)).toBe('E');
  expect(message.readUInt32BE(1)).toBe(message.length - 1);
  return decodeErrorResponse(message.subarray(5));
}

function open(): LocalConnection {
  const connection = connect();
  send(STARTUP);
  answer(200, {});
  stream.handlers.data(READY);
  client.take();
  stream.take();
  return connection;
}

describe('the first packet', () => {
  it('goes through as it came, with the grant as bearer token', () => {
    connect();
    send(STARTUP);
    expect(requests).toEqual([
      {
        ':method': 'CONNECT',
        ':authority': 'prod-db:5432',
        authorization: 'Bearer token-1',
        'gw-api-version': '1',
      },
    ]);
    expect(stream.take()).toEqual(STARTUP);
    expect(client.take()).toHaveLength(0);
  });

  it('is answered with N when it asks for encryption, once for each kind', () => {
    connect();
    send(sslRequest());
    expect(client.take().toString()).toBe('N');
    send(gssEncRequest());
    expect(client.take().toString()).toBe('N');
    send(STARTUP);
    expect(stream.take()).toEqual(STARTUP);
  });

  it('may ask for encryption only so often', () => {
    connect();
    send(sslRequest(), sslRequest());
    client.take();
    send(sslRequest());
    expect(told().sqlstate).toBe('08P01');
    expect(client.isEnded).toBe(true);
  });

  it('is refused with bytes stuffed behind an encryption request', () => {
    connect();
    send(Buffer.concat([sslRequest(), STARTUP]));
    expect(told()).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
    expect(requests).toEqual([]);
  });

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['TLS', Buffer.from('16030102000100', 'hex')],
    ['too long', Buffer.from('00010000', 'hex')],
    ['too short', Buffer.from('0000000400030000', 'hex')],
    ['protocol 2', Buffer.from('0000000800020000', 'hex')],
  ])('is refused when it is %s', (_, bytes) => {
    connect();
    send(bytes);
    expect(['08P01', '0A000']).toContain(told().sqlstate);
    expect(client.isEnded).toBe(true);
    expect(requests).toEqual([]);
  });

  it('means the same however it is cut, with whatever follows', () => {
    const bytes = Buffer.concat([STARTUP, query('select 1')]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 6 }), (cuts) => {
        client = new Peer();
        connect();
        const ends = [...new Set(cuts), bytes.length].sort((a, b) => a - b);
        send(...ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end)));
        answer(200, {});
        expect(stream.take()).toEqual(bytes);
      }),
    );
  });

  it('never breaks the tunnel, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), (chunks) => {
        client = new Peer();
        connect();
        send(...chunks.filter((chunk) => chunk.length > 0));
        expect(client.sent.length).toBeLessThan(1_000);
      }),
    );
  });

  it('is not sent where the client is gone before', () => {
    const connection = connect();
    send(STARTUP.subarray(0, 5));
    client.handlers.end();
    expect(client.isDestroyed).toBe(true);
    connection.close();
    expect(phases).toEqual(['closed']);
  });
});

describe('a cancel request', () => {
  it('has a stream of its own and is never answered', () => {
    connect();
    const packet = cancelRequest(7, Buffer.from('abcd'));
    send(packet);
    expect(stream.take()).toEqual(packet);
    answer(503, {});
    stream.handlers.close(undefined);
    expect(client.take()).toHaveLength(0);
    expect(client.isEnded).toBe(true);
  });
});

describe('the local password', () => {
  let secret: LocalPassword;
  beforeEach(() => {
    secret = new LocalPassword();
    host = { ...host, password: secret };
  });

  it('opens the way; the gateway never sees it', () => {
    connect();
    send(STARTUP);
    expect(client.take()).toEqual(Buffer.from('R\0\0\0\x08\0\0\0\x03', 'latin1'));
    expect(requests).toEqual([]);
    send(Buffer.concat([passwordMessage(secret.password.reveal()), query('select 1')]));
    answer(200, {});
    expect(stream.take()).toEqual(Buffer.concat([STARTUP, query('select 1')]));
  });

  it.each(['', 'wrong', 'x'.repeat(900)])('keeps out who has another: %j', (wrong) => {
    connect();
    send(STARTUP);
    client.take();
    send(passwordMessage(wrong));
    expect(told().sqlstate).toBe('28P01');
    expect(requests).toEqual([]);
  });

  it.each([
    ['another message', query('select 1')],
    ['an endless one', Buffer.from('p\x7f\xff\xff\xff', 'latin1')],
    ['an empty one', Buffer.from('p\0\0\0\x04', 'latin1')],
  ])('keeps out %s', (_, bytes) => {
    connect();
    send(STARTUP);
    client.take();
    send(bytes);
    expect(told().sqlstate).toBe('08P01');
  });

  it('is not asked for a cancel request, which has a key', () => {
    connect();
    send(cancelRequest(7, Buffer.from('abcd')));
    expect(requests).toHaveLength(1);
  });
});

describe('an open session', () => {
  it('passes bytes and ends both ways', () => {
    open();
    send(query('select 1'));
    expect(stream.take()).toEqual(query('select 1'));
    stream.handlers.data(dataRow(['1']));
    expect(client.take()).toEqual(dataRow(['1']));
    client.handlers.end();
    expect(stream.isEnded).toBe(true);
    stream.handlers.end();
    expect(client.isEnded).toBe(true);
  });

  it('is over when PostgreSQL ended it, and gives a slow reader time for the last bytes', () => {
    const connection = open();
    stream.handlers.data(dataRow(['last']));
    stream.handlers.end();
    expect([client.isEnded, stream.isEnded, connection.phase]).toEqual([true, true, 'closing']);
    expect(client.take()).toEqual(dataRow(['last']));
    expect(connection.lingerMs).toBeGreaterThanOrEqual(60_000);
    stream.handlers.close(new GwError('session_ended', 'The peer closed the stream (NO_ERROR).'));
    expect(client.take()).toHaveLength(0);
    expect(client.isDestroyed).toBe(false);
  });

  it('passes back-pressure on, both ways', () => {
    open();
    stream.hasRoom = false;
    send(query('select 1'));
    expect(client.isPaused).toBe(true);
    stream.handlers.drain();
    expect(client.isPaused).toBe(false);

    client.hasRoom = false;
    stream.handlers.data(dataRow(['1']));
    expect(stream.isPaused).toBe(true);
    client.handlers.drain();
    expect(stream.isPaused).toBe(false);
  });

  it('is told why the tunnel was lost, between two messages', () => {
    open();
    stream.handlers.close(new GwError('gateway_unreachable', 'The connection to the gateway was lost.'));
    expect(told()).toMatchObject({ severity: 'FATAL', sqlstate: '08006' });
    expect(client.isEnded).toBe(true);
    expect(phases.at(-1)).toBe('closing');
  });

  it('is not told it in the middle of an answer, where it could become part of a row', () => {
    open();
    const row = dataRow(['a long value']);
    stream.handlers.data(row.subarray(0, 12));
    stream.handlers.close(new GwError('gateway_unreachable', 'Lost.'));
    expect(client.take()).toEqual(row.subarray(0, 12));
    expect(client.isEnded).toBe(true);
  });

  it('is told it again once an answer is complete', () => {
    open();
    stream.handlers.data(Buffer.concat([dataRow(['1']), commandComplete('SELECT 1'), readyForQuery('T')]));
    client.take();
    stream.handlers.close(new GwError('session_ended', 'Over.'));
    expect(told().sqlstate).toBe('57P01');
  });

  it('ends when the client is gone', () => {
    open();
    client.handlers.close(new Error('ECONNRESET'));
    expect(stream.isDestroyed).toBe(true);
    expect(phases.at(-1)).toBe('closed');
  });

  it('reads and drops what the client still sends after it was refused', () => {
    const connection = open();
    stream.take();
    connection.refuse(new GwError('shutting_down', 'Bye.'));
    client.take();
    send(query('select 1'));
    expect(stream.take()).toHaveLength(0);
    expect(client.isPaused).toBe(false);
    connection.refuse(new GwError('shutting_down', 'Bye again.'));
    expect(client.take()).toHaveLength(0);
  });
});

describe('a refused session', () => {
  it('is the FATAL the gateway gave a reason for', () => {
    connect();
    send(STARTUP);
    answer(403, {});
    const body = JSON.stringify({ error: { code: 'denied', message: 'Not you.', hint: 'gw ls' } });
    stream.handlers.data(Buffer.from(body.slice(0, 10)));
    stream.handlers.data(Buffer.from(body.slice(10)));
    stream.handlers.end();
    stream.handlers.close(undefined);
    expect(told()).toMatchObject({
      severity: 'FATAL',
      sqlstate: '42501',
      message: 'Not you.',
      hint: 'gw ls',
    });
  });

  it('asks for another grant once when the gateway does not take the one it has', () => {
    connect();
    send(STARTUP);
    const first = stream;
    answer(401, {});
    first.handlers.data(Buffer.from('{}'));
    first.handlers.close(undefined);
    expect(requests).toHaveLength(2);
    expect(stream.take()).toEqual(STARTUP);
    answer(401, {});
    stream.handlers.close(undefined);
    expect(told().sqlstate).toBe('28000');
    expect(requests).toHaveLength(2);
  });

  it('keeps no more of the reason than a reason needs', () => {
    connect();
    send(STARTUP);
    answer(500, {});
    for (let count = 0; count < 100; count++) stream.handlers.data(Buffer.alloc(16 * 1024));
    stream.handlers.close(undefined);
    expect(told().sqlstate).toBe('XX000');
  });
});
