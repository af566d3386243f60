import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { GwError } from '../../../src/core/errors.ts';
import { startup } from '../../../src/wire/build-frontend.ts';
import { RawClient } from '../../support/raw-client.ts';
import { type OpenTunnel, openTunnel, type Rig, startRig, until } from './rig.ts';
import { refuse } from './scripted-gateway.ts';

/** What happens when the gateway refuses, goes, or comes back. */

let rig: Rig;
let open: OpenTunnel;
/** Real time, and what the test adds to it. */
let skewMs: number;
const clock: Clock = { now: () => Date.now() + skewMs, monotonic: () => performance.now() + skewMs };

beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());
beforeEach(async () => {
  skewMs = 0;
  const { gateway } = rig;
  gateway.script = undefined;
  gateway.grant = undefined;
  gateway.streams.length = 0;
  gateway.grants.length = 0;
  open = await openTunnel(gateway, { clock });
});
afterEach(async () => {
  await open.close();
  rig.gateway.cut();
  await until(() => rig.gateway.connections.size === 0);
});

const raw = (): Promise<RawClient> =>
  RawClient.connect(open.port, [
    ['user', 'alice'],
    ['database', 'postgres'],
  ]);
const tick = (): void => {
  open.tunnel.way.link.tick();
  open.tunnel.way.grants.tick();
  open.tunnel.listener.tick(clock.monotonic());
};

describe('a lost connection', () => {
  it('is told to clients that wait, and the next ones come through', async () => {
    const client = await raw();
    rig.gateway.cut();
    const [error] = await client.take('E');
    expect(error!.body.toString()).toContain('C08006');
    await until(() => client.closed);
    const next = await open.client();
    expect((await next.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await next.end();
    expect(open.heard).toEqual(['down gateway_unreachable', 'up']);
  });

  it('is not told in the middle of a row', async () => {
    const row = Buffer.from('D\0\0\0\x20\0\x01\0\0\0\x16', 'latin1');
    rig.gateway.script = (stream) => {
      stream.respond(200);
      stream.start({ data: () => stream.write(row), drain: () => {}, end: () => {}, close: () => {} });
    };
    const socket = connect(open.port, '127.0.0.1');
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
    });
    socket.write(startup([['user', 'alice']]));
    await until(() => received.length === row.length);
    rig.gateway.cut();
    await new Promise((done) => socket.once('close', done));
    expect(received).toEqual(row);
  });

  it('makes those who come meanwhile wait until the gateway is back', async () => {
    await rig.gateway.down();
    rig.gateway.cut();
    await until(() => open.heard.includes('down gateway_unreachable'));
    const waiting = [open.client(), open.client()];
    await new Promise((done) => setTimeout(done, 300));
    expect(open.tunnel.listener.openConnections).toBe(2);
    await rig.gateway.up();
    for (const client of await Promise.all(waiting)) await client.end();
    expect(open.heard).toEqual(['down gateway_unreachable', 'up']);
  });

  it('does not make them wait for ever', async () => {
    await rig.gateway.down();
    rig.gateway.cut();
    await until(() => open.heard.includes('down gateway_unreachable'));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await expect(passTimeUntil(open.client(), 21_000)).rejects.toMatchObject({ code: '08006' });
    } finally {
      vi.useRealTimers();
      await rig.gateway.up();
    }
  });

  it('opens a session again that had no answer yet', async () => {
    let count = 0;
    rig.gateway.script = (stream) => {
      if (++count === 1) rig.gateway.cut();
      else rig.gateway.relay(stream);
    };
    const client = await open.client();
    expect(count).toBe(2);
    await client.end();
  });

  it('is noticed when the gateway stays silent', async () => {
    const client = await raw();
    rig.gateway.freeze();
    const closed = client.until('E', 1, true);
    tick();
    skewMs += 21_000;
    tick();
    skewMs += 16_000;
    tick();
    await closed;
    const next = await open.client();
    await next.end();
    expect(open.heard).toEqual(['down gateway_unreachable', 'up']);
  });

  it('is not suspected while the gateway answers', async () => {
    const client = await raw();
    tick();
    for (let count = 0; count < 20; count++) {
      skewMs += 5_000;
      tick();
      await new Promise((done) => setTimeout(done, 5));
    }
    expect(client.closed).toBe(false);
    expect(rig.gateway.connections.size).toBe(1);
    client.socket.destroy();
  });

  it('is looked for at once when the machine wakes from sleep', async () => {
    const client = await raw();
    rig.gateway.freeze();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      skewMs += 3_600_000;
      // The first thing that happens after the sleep is a new connection, before any timer of ours.
      const next = await passTimeUntil(open.client(), 19_000);
      vi.useRealTimers();
      await next.end();
      await until(() => client.closed);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('GOAWAY', () => {
  it('leaves sessions alone and takes new ones elsewhere', async () => {
    const old = await open.client();
    const [connection] = rig.gateway.connections;
    connection!.goaway();
    await until(() => rig.gateway.connections.size === 2);
    const fresh = await open.client();
    expect((await old.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await old.end();
    await until(() => rig.gateway.connections.size === 1);
    expect((await fresh.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await fresh.end();
    expect(open.heard).toEqual([]);
  });
});

describe('a refused session', () => {
  it.each([
    [403, { code: 'denied', message: 'You may not.', hint: 'gw ls' }, '42501'],
    [404, { code: 'unknown_target', message: 'There is no prod-db.' }, '28000'],
    [502, { code: 'database_unreachable', message: 'It is down.' }, '08001'],
    [503, { code: 'too_many_sessions', message: 'Too many.' }, '53300'],
  ])('says why: %i', async (status, error, sqlstate) => {
    rig.gateway.script = (stream) => refuse(stream, status, error);
    const rejected = open.client();
    await expect(rejected).rejects.toMatchObject({
      code: sqlstate,
      message: error.message,
      severity: 'FATAL',
    });
    await expect(open.tunnel.probe('postgres')).rejects.toMatchObject({ code: error.code });
  });

  it('is tried again with a new grant when the gateway does not take the old one', async () => {
    rig.gateway.script = (stream, headers) => {
      if (headers.authorization === 'Bearer revoked') {
        refuse(stream, 401, { code: 'not_signed_in', message: 'This grant is not known.' });
      } else {
        rig.gateway.relay(stream);
      }
    };
    await open.close();
    rig.gateway.grant = () => ({ token: 'revoked' });
    open = await openTunnel(rig.gateway, { clock });
    rig.gateway.grant = undefined;
    const clients = await Promise.all([open.client(), open.client(), open.client()]);
    expect(rig.gateway.grants.map(({ token }) => token === 'revoked')).toContain(false);
    for (const client of clients) await client.end();
    expect(open.tunnel.way.grants.current()?.token).not.toBe('revoked');
  });

  it('sends the person to gw login when they are not signed in any more', async () => {
    rig.gateway.grant = () => {
      throw new GwError('not_signed_in', 'You are not signed in.', { hint: 'gw login' });
    };
    const before = await open.client();
    skewMs += 3_700_000;
    tick();
    for (let count = 0; count < 3; count++) {
      await expect(open.client()).rejects.toMatchObject({ code: '28000', hint: 'gw login' });
    }
    expect(open.heard).toEqual(['problem not_signed_in']);
    // Sessions that exist are the gateway's to end.
    expect((await before.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await before.end();
    rig.gateway.grant = undefined;
    skewMs += 2_000;
    await (await open.client()).end();
    expect(open.heard).toEqual(['problem not_signed_in', 'recovered']);
  });

  it('tells when the absolute end has come', async () => {
    rig.gateway.grant = () => {
      throw new GwError('denied', 'Your grant is over.');
    };
    skewMs += 13 * 3_600_000;
    tick();
    await until(() => open.heard.includes('ended'));
  });
});

describe('closing', () => {
  it('drains: no new connections, those that exist may finish', async () => {
    const client = await open.client();
    const drained = open.tunnel.listener.drain();
    await expect(open.client()).rejects.toThrow('ECONNREFUSED');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    await drained;
  });

  it('tells those it cuts', async () => {
    const client = await raw();
    await open.close();
    const [error] = await client.take('E');
    expect(error!.body.toString()).toContain('C57P01');
    await until(() => client.closed && rig.gateway.connections.size === 0);
  });
});

/** Lets stopped timers run, a little at a time, until the promise is settled; no further than `limitMs`. */
async function passTimeUntil<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  for (let passedMs = 0; passedMs < limitMs && !isSettled; passedMs += 100) {
    vi.advanceTimersByTime(100);
    for (let turn = 0; turn < 20 && !isSettled; turn++) await new Promise((done) => setImmediate(done));
  }
  return promise;
}
