import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { H2Connection } from '../../../src/h2/connection.ts';
import type { H2Options, H2Stream, Headers, Response } from '../../../src/h2/types.ts';
import { CONNECT, Ear } from './support.ts';

/** node:http2 (nghttp2) is the independent judge of what we send, and speaks to us as other software would. */

const open: { close(): unknown }[] = [];
let lastServer: H2Connection | undefined;
afterEach(() => {
  for (const thing of open.splice(0)) thing.close();
});

function bind(role: 'client' | 'server', socket: net.Socket, options: Partial<H2Options>): H2Connection {
  const connection: H2Connection = new H2Connection(
    role,
    { write: (chunk, released) => socket.write(chunk, released), close: () => socket.destroySoon() },
    { now: () => performance.now(), schedule: (turn) => setImmediate(turn), onClose: () => {}, ...options },
  );
  socket.on('data', (chunk) => connection.receive(chunk));
  socket.on('drain', () => connection.drained());
  socket.on('error', () => {});
  socket.on('close', () => connection.destroy());
  open.push({ close: () => socket.destroy() });
  return connection;
}

/** Our server; node:http2 as client. */
async function ourServer(options: Partial<H2Options>): Promise<http2.ClientHttp2Session> {
  const server = net.createServer((socket) => {
    lastServer = bind('server', socket, options);
  });
  server.listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  const client = http2.connect(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
  open.push({ close: () => client.destroy() });
  client.on('error', () => {});
  await once(client, 'remoteSettings');
  return client;
}

/** node:http2 as server; our client. */
async function ourClient(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  options: Partial<H2Options> = {},
  settings: http2.Settings = {},
): Promise<H2Connection> {
  const server = http2.createServer({ settings }).listen(0, '127.0.0.1');
  // Without a listener node answers CONNECT by itself.
  server.on('connect', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  open.push(server);
  await once(server, 'listening');
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  return bind('client', socket, options);
}

const echo = (stream: H2Stream): void => {
  stream.respond(200, { 'gw-answer': 'yes' });
  stream.start({
    data: (chunk) => {
      if (!stream.write(chunk)) stream.pause();
    },
    drain: () => stream.resume(),
    end: () => stream.end(),
    close: () => {},
  });
};

const closed = (stream: H2Stream): Promise<Ear> =>
  new Promise((done) => {
    const ear = new Ear();
    const { close } = ear;
    ear.close = (error) => {
      close.call(ear, error);
      done(ear);
    };
    stream.start(ear);
  });

const pattern = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => i * 31 + (i >> 8)));

describe('our server and a node:http2 client', () => {
  it('carries bytes both ways, half-closes and ends', async () => {
    const client = await ourServer({ onStream: echo });
    const request = client.request(CONNECT as http2.OutgoingHttpHeaders);
    const sent = pattern(3_000_000);
    const got: Buffer[] = [];
    request.on('data', (chunk: Buffer) => got.push(chunk));
    request.end(sent);
    const [headers] = await once(request, 'response');
    expect(headers).toMatchObject({ ':status': 200, 'gw-answer': 'yes' });
    await once(request, 'close');
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    expect(request.rstCode).toBe(0);
  });

  it('reads headers in any coding nghttp2 chooses, and reuses its table', async () => {
    const seen: Headers[] = [];
    const client = await ourServer({
      onStream: (stream, headers) => {
        seen.push(headers);
        stream.respond(200);
        stream.end();
      },
    });
    // Each byte that may stand in a value, among digits, so that Huffman coding pays.
    const bytes = Array.from({ length: 223 }, (_, i) => i + 33).filter((code) => code !== 127);
    const values = bytes.map((code) => `00000000000000000000${String.fromCharCode(code)}0`);
    for (const value of [...values, values[0]!, 'x'.repeat(30_000)]) {
      const request = client.request({ ...CONNECT, 'gw-value': value } as http2.OutgoingHttpHeaders);
      request.resume();
      request.end();
      await once(request, 'close');
      expect(seen.at(-1)!['gw-value']).toBe(value);
    }
    expect(seen[0]).toEqual({ ...CONNECT, 'gw-value': values[0] });
  });

  it('tells other methods to use HTTP/1.1', async () => {
    const client = await ourServer({ onStream: echo });
    const request = client.request({ ':path': '/' });
    const [error] = await once(request, 'error');
    expect(error.message).toMatch('NGHTTP2_HTTP_1_1_REQUIRED');
    expect(client.destroyed).toBe(false);
  });

  it('refuses with a body, whatever the client still sends', async () => {
    const client = await ourServer({
      onStream: (stream) => {
        stream.respond(403, { 'content-type': 'application/json' });
        stream.write(Buffer.from('{"error":1}'));
        stream.end();
      },
    });
    const request = client.request(CONNECT as http2.OutgoingHttpHeaders);
    request.write(Buffer.alloc(100_000));
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    const [headers] = await once(request, 'response');
    await once(request, 'close');
    expect(headers[':status']).toBe(403);
    expect(body).toBe('{"error":1}');
    expect(request.rstCode).toBe(0);
  });

  it('resets, is reset, and goes on', async () => {
    const ears: Promise<Ear>[] = [];
    const client = await ourServer({
      onStream: (stream, headers) => {
        stream.respond(200);
        ears.push(closed(stream));
        if (headers['gw-do'] === 'destroy') stream.destroy();
      },
    });
    const first = client.request({ ...CONNECT, 'gw-do': 'destroy' } as http2.OutgoingHttpHeaders);
    first.on('error', () => {});
    await once(first, 'close');
    expect(first.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    const second = client.request(CONNECT as http2.OutgoingHttpHeaders);
    second.on('error', () => {});
    await once(second, 'response');
    second.close(http2.constants.NGHTTP2_CANCEL);
    expect((await ears[1])!.error).toMatchObject({ h2Code: 8 });
    expect((await ears[0])!.error).toBeUndefined();
  });

  it('drains: GOAWAY, streams go on, then idle', async () => {
    let onIdle = (): void => {};
    const idle = new Promise<void>((done) => {
      onIdle = done;
    });
    const client = await ourServer({ onStream: echo, onIdle: () => onIdle() });
    const request = client.request(CONNECT as http2.OutgoingHttpHeaders);
    await once(request, 'response');
    lastServer!.goaway();
    const [code] = await once(client, 'goaway');
    expect(code).toBe(0);
    request.end('still here');
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await once(request, 'close');
    expect(text).toBe('still here');
    await idle;
  });

  it('answers PING and survives SETTINGS in mid-flight', async () => {
    const client = await ourServer({ onStream: echo });
    const request = client.request(CONNECT as http2.OutgoingHttpHeaders);
    client.settings({ initialWindowSize: 100 });
    await once(client, 'localSettings');
    const payload = await new Promise<Buffer>((done, failed) => {
      client.ping(Buffer.from('12345678'), (error, _ms, answer) => (error ? failed(error) : done(answer)));
    });
    expect(payload.toString()).toBe('12345678');
    const sent = pattern(70_000);
    request.end(sent);
    const got: Buffer[] = [];
    request.on('data', (chunk: Buffer) => got.push(chunk));
    client.settings({ initialWindowSize: 200_000 });
    await once(request, 'close');
    expect(Buffer.concat(got).equals(sent)).toBe(true);
  });

  it('gets along with many streams at once', async () => {
    const client = await ourServer({ onStream: echo });
    const texts = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const request = client.request(CONNECT as http2.OutgoingHttpHeaders);
        let text = '';
        request.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        request.write(`${i}:`);
        request.end('x'.repeat(i * 100));
        await once(request, 'close');
        return text;
      }),
    );
    texts.forEach((text, i) => {
      expect(text).toBe(`${i}:${'x'.repeat(i * 100)}`);
    });
  });
});

describe('our client and a node:http2 server', () => {
  it('sends data along with the request, a long token, and hears the answer', async () => {
    const token = `Bearer ${'t'.repeat(32 * 1024)}`;
    const client = await ourClient((stream, headers) => {
      expect(headers.authorization).toBe(token);
      stream.respond({ ':status': 200, 'gw-session': 's1' });
      stream.pipe(stream);
    });
    const responses: Parameters<Response>[] = [];
    const stream = client.open({ ...CONNECT, authorization: token }, (...args) => responses.push(args));
    stream.write(Buffer.from('early'));
    stream.end();
    const ear = await closed(stream);
    expect(responses).toEqual([[200, expect.objectContaining({ 'gw-session': 's1' })]]);
    expect(ear.text).toBe('early');
    expect(ear.error).toBeUndefined();
    expect(client.activeStreams).toBe(0);
  });

  it('carries megabytes under small windows of the peer', async () => {
    const client = await ourClient(
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      },
      {},
      { initialWindowSize: 1_000 },
    );
    const sent = pattern(400_000);
    const stream = client.open(CONNECT);
    const ear = closed(stream);
    stream.write(sent);
    stream.end();
    expect((await ear).bytes.equals(sent)).toBe(true);
  });

  it('gets status and body of a refusal', async () => {
    const client = await ourClient((stream) => {
      stream.respond({ ':status': 401, 'content-type': 'application/json' });
      stream.end('{"error":{}}');
    });
    let status = 0;
    const stream = client.open(CONNECT, (code) => {
      status = code;
    });
    const ear = closed(stream);
    stream.end();
    expect((await ear).text).toBe('{"error":{}}');
    expect(status).toBe(401);
  });

  it('takes interim responses and trailers of a refusal', async () => {
    const client = await ourClient((stream) => {
      stream.additionalHeaders({ ':status': 103 });
      stream.respond({ ':status': 503 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'gw-t': '1' }));
      stream.end('busy');
    });
    const statuses: number[] = [];
    const stream = client.open(CONNECT, (code) => statuses.push(code));
    const ear = closed(stream);
    stream.end();
    expect((await ear).text).toBe('busy');
    expect(statuses).toEqual([503]);
  });

  it('respects MAX_CONCURRENT_STREAMS', async () => {
    let onPong = (): void => {};
    const pong = new Promise<void>((done) => {
      onPong = done;
    });
    const client = await ourClient(
      (stream) => stream.respond({ ':status': 200 }),
      { onPong: () => onPong() },
      { maxConcurrentStreams: 2 },
    );
    client.ping();
    await pong;
    client.open(CONNECT);
    expect(client.canOpen).toBe(true);
    const second = client.open(CONNECT);
    expect(client.canOpen).toBe(false);
    expect(() => client.open(CONNECT)).toThrow(/as many sessions/);
    second.destroy();
    expect(client.canOpen).toBe(true);
  });

  it('learns of GOAWAY, finishes its streams, and is idle', async () => {
    let onIdle = (): void => {};
    const idle = new Promise<void>((done) => {
      onIdle = done;
    });
    const goaways: number[] = [];
    const client = await ourClient(
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.session!.close();
        stream.pipe(stream);
      },
      { onGoaway: (code) => goaways.push(code), onIdle: () => onIdle() },
    );
    const stream = client.open(CONNECT);
    const ear = closed(stream);
    stream.write(Buffer.from('last words'));
    stream.end();
    await idle;
    expect((await ear).text).toBe('last words');
    expect(goaways).toEqual([0]);
    expect(() => client.open(CONNECT)).toThrow(/no new sessions/);
  });
});
