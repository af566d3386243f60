import { connect } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GwError } from '../../../src/core/errors.ts';
import {
  bind,
  cancelRequest,
  close,
  copyData,
  copyDone,
  copyFail,
  describe as describeMessage,
  execute,
  flush,
  functionCall,
  parse,
  query,
  sync,
  terminate,
} from '../../../src/wire/build-frontend.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { errorIn, RawClient } from '../../support/raw-client.ts';
import { type Recorded, type Relay, startRelay } from '../../support/relay.ts';

let postgres: TestPostgres;
let relay: Relay;
const clients: RawClient[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  relay = await startRelay(postgres);
});
afterAll(async () => {
  await relay?.stop();
  await postgres?.stop();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  relay.recorded.length = 0;
  relay.decide = () => ({ outcome: 'allow', rule: 'test' });
  relay.journal.hold = false;
  relay.journal.broken = undefined;
  relay.journal.release();
});

async function raw(
  ...args: Parameters<typeof RawClient.connect> extends [number, ...infer Rest] ? Rest : never
) {
  const client = await RawClient.connect(relay.port, ...args);
  clients.push(client);
  return client;
}

const bindOf = (portal: string, statement: string, parameters: (Buffer | null)[] = []) =>
  bind({ portal, statement, parameters });
const outcomes = () =>
  relay.recorded.filter((r): r is Recorded & { event: 'outcome' } => r.event === 'outcome');
const texts = () => relay.recorded.flatMap((r) => (r.event === 'intent' ? [r.text] : []));
const backends = async () =>
  (
    await postgres.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where application_name like 'gw:%'`,
    )
  )[0]!.count;
const eventually = async (probe: () => Promise<boolean> | boolean): Promise<void> => {
  for (let i = 0; i < 500; i++) {
    if (await probe()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error('it never came true');
};

describe('what is recorded', () => {
  it('has each statement of a Query with its rows', async () => {
    const client = await raw();
    client.send(query('select 1; select generate_series(1, 3); create temp table t (a int)'));
    await client.until('Z');
    expect(outcomes().map(({ outcome }) => [outcome.tag, outcome.rows])).toEqual([
      ['SELECT 1', 1],
      ['SELECT 3', 3],
      ['CREATE TABLE', undefined],
    ]);
    expect(texts()).toHaveLength(1);
  });

  it('gives each Execute the statement behind its portal', async () => {
    const client = await raw();
    client.send(
      parse('a', 'select 1'),
      parse('b', 'select 1 union all select 2'),
      bindOf('p', 'b'),
      bindOf('q', 'a'),
      execute('p'),
      execute('q'),
      bindOf('', 'a'),
      execute(''),
      sync(),
    );
    expect(await client.until('Z')).toBe('1122DDCDC2DCZ');
    expect(texts()).toEqual(['select 1 union all select 2', 'select 1', 'select 1']);
    expect(outcomes().map(({ outcome }) => outcome.rows)).toEqual([2, 1, 1]);
  });

  it('counts the rows of a portal that is read in parts', async () => {
    const client = await raw();
    client.send(
      parse('', 'select generate_series(1, 5)'),
      bindOf('', ''),
      execute('', 2),
      execute('', 2),
      execute('', 2),
      sync(),
    );
    expect(await client.until('Z')).toBe('12DDsDDsDCZ');
    expect(outcomes().map(({ outcome }) => outcome.rows)).toEqual([2, 2, 1]);
  });

  it('says what failed and what was skipped because of it', async () => {
    const client = await raw();
    client.send(
      parse('', 'select 1/(g-1) from generate_series(1,1) g'),
      bindOf('', ''),
      execute(''),
      parse('late', 'select 2'),
      bindOf('', 'late'),
      execute(''),
      sync(),
      parse('', 'select 3'),
      bindOf('', ''),
      execute(''),
      sync(),
    );
    expect(await client.until('Z', 2)).toBe('12EZ12DCZ');
    expect(outcomes().map(({ outcome }) => outcome.sqlstate)).toEqual(['22012', '25P02', '00000']);
  });

  it('knows the statement of a name that SQL prepared and the wire uses', async () => {
    const client = await raw();
    client.send(query('prepare "Plan" (int) as select $1 + 1'));
    await client.until('Z');
    client.send(bindOf('', 'Plan', [Buffer.from('4')]), execute(''), sync());
    expect(await client.until('Z')).toBe('2DCZ');
    expect(texts()[1]).toBe('prepare "Plan" (int) as select $1 + 1');
  });

  it('keeps the statement when a Parse of the same name failed', async () => {
    const client = await raw();
    client.send(
      parse('a', 'select 1'),
      sync(),
      parse('a', 'select 2'),
      sync(),
      bindOf('', 'a'),
      execute(''),
      sync(),
    );
    expect(await client.until('Z', 3)).toBe('1ZEZ2DCZ');
    expect(texts()).toEqual(['select 1']);
  });

  it('forgets a statement that was closed', async () => {
    const client = await raw();
    client.send(parse('a', 'select 1'), close('statement', 'a'), bindOf('', 'a'), execute(''), sync());
    expect(await client.until('Z')).toBe('13EZ');
    client.send(
      parse('a', 'select 2'),
      describeMessage('statement', 'a'),
      bindOf('', 'a'),
      execute(''),
      sync(),
    );
    expect(await client.until('Z')).toBe('1tT2DCZ');
    expect(texts().at(-1)).toBe('select 2');
  });

  it('gives an error at the commit to the statement it belongs to', async () => {
    await postgres.query(
      'create table if not exists parent (id int primary key); create table if not exists child (id int references parent deferrable initially deferred)',
    );
    const client = await raw();
    client.send(parse('', 'insert into child values (1)'), bindOf('', ''), execute(''), sync());
    expect(await client.until('Z')).toBe('12CEZ');
    expect(outcomes().map(({ outcome }) => outcome.sqlstate)).toEqual(['00000', '23503']);
  });
});

describe('COPY', () => {
  it('in and out, in both protocols', async () => {
    const client = await raw();
    client.send(query('create temp table c (a int, b text)'));
    await client.until('Z');
    client.send(query('copy c from stdin'), copyData(Buffer.from('1\tone\n2\ttwo\n')), copyDone());
    expect(await client.until('Z')).toBe('GCZ');
    client.send(
      parse('', 'copy c from stdin'),
      bindOf('', ''),
      execute(''),
      sync(),
      copyData(Buffer.from('3\tthree\n')),
      copyDone(),
      sync(),
    );
    expect(await client.until('Z')).toBe('12GCZ');
    client.send(parse('', 'copy c to stdout'), bindOf('', ''), execute(''), sync());
    expect(await client.until('Z')).toBe('12HdddcCZ');
    client.send(query('select count(*) from c'));
    expect(await client.until('Z')).toBe('TDCZ');
    expect(outcomes().map(({ outcome }) => outcome.rows)).toEqual([undefined, 2, 1, 3, 1]);
  });

  it('that the client gives up, that fails on data, and what was sent behind', async () => {
    const client = await raw();
    client.send(query('create temp table c (a int)'));
    await client.until('Z');
    client.send(query('copy c from stdin'), copyFail('changed my mind'));
    expect(await client.until('Z')).toBe('GEZ');
    client.send(query('copy c from stdin'));
    await client.until('G');
    client.send(copyData(Buffer.from('no number\n')), copyDone());
    expect(await client.until('Z')).toBe('EZ');
    client.send(copyData(Buffer.from('late\n')), copyDone(), query('select 1'));
    expect(await client.until('Z')).toBe('TDCZ');
    expect(outcomes().at(-1)!.outcome.rows).toBe(1);
  });

  it('into which another statement was sent: as the server of that version has it', async () => {
    const client = await raw();
    client.send(query('create temp table c (a int)'));
    await client.until('Z');
    client.send(query('copy c from stdin'), query('select 1'));
    if (postgres.major >= 14) {
      expect((await client.untilClosed()).map(({ type }) => type).join('')).toBe('GEE');
      return;
    }
    expect(await client.until('Z')).toBe('GEZ');
    client.send(query('select 2'));
    expect(await client.until('Z')).toBe('TDCZ');
    expect(outcomes().at(-1)!.outcome).toMatchObject({ tag: 'SELECT 1', sqlstate: '00000' });
  });
});

describe('a refused statement', () => {
  const refuse = (word: string) => {
    const error = new GwError('denied', 'Not you.', { detail: 'Rule 7.', hint: 'Ask for it: gw request' });
    relay.decide = (facts) =>
      facts.word === word ? { outcome: 'deny', rule: 'seven', error } : { outcome: 'allow', rule: 'x' };
  };

  it('is an ordinary error; the session goes on', async () => {
    refuse('DELETE');
    const client = await raw();
    client.send(query('delete from nothing'), query('select 1'));
    const messages = await client.take('Z', 2);
    expect(messages.map(({ type }) => type).join('')).toBe('EZTDCZ');
    expect(errorIn(messages)).toMatchObject({
      severity: 'ERROR',
      sqlstate: '42501',
      message: 'Not you.',
      detail: 'Rule 7.',
      hint: 'Ask for it: gw request',
    });
    expect(relay.recorded).toContainEqual(expect.objectContaining({ event: 'refused', rule: 'seven' }));
  });

  it('fails the transaction as any error does', async () => {
    refuse('DELETE');
    const client = await raw();
    client.send(query('begin'), query('delete from nothing'), query('select 1'), query('rollback'));
    const messages = await client.take('Z', 4);
    expect(messages.filter(({ type }) => type === 'Z').map(({ body }) => body.toString())).toEqual([
      'T',
      'E',
      'E',
      'I',
    ]);
    expect(messages.map(({ type }) => type).join('')).toBe('CZEZEZCZ');
  });

  it('in a pipeline is answered in its place, and skips to Sync', async () => {
    refuse('DELETE');
    const client = await raw();
    client.send(
      parse('s', 'select 1'),
      parse('d', 'delete from nothing'),
      bindOf('', 's'),
      execute(''),
      bindOf('', 's'),
      execute(''),
      sync(),
    );
    expect(await client.until('Z')).toBe('1E' + 'Z');
    client.send(parse('s', 'select 1'), bindOf('', 's'), execute(''), sync());
    expect(await client.until('Z')).toMatch(/^(E|12DC)Z$/);
  });

  it('FunctionCall messages are not supported, and say what to do', async () => {
    const client = await raw();
    client.send(functionCall({ oid: 31, argumentFormats: [], arguments: [], resultFormat: 0 }));
    const messages = await client.take('Z');
    expect(errorIn(messages)).toMatchObject({ sqlstate: '0A000', hint: expect.stringContaining('SELECT') });
    client.send(query('select 1'));
    expect(await client.until('Z')).toBe('TDCZ');
  });

  it('an unknown message type ends the session', async () => {
    const client = await raw();
    client.send(Buffer.from([0x07, 0, 0, 0, 4]));
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '08P01' });
  });
});

describe('the journal', () => {
  it('holds a statement until its intent is durable', async () => {
    const client = await raw();
    relay.journal.hold = true;
    client.send(query('create table held (a int)'));
    await eventually(() => texts().length === 1);
    await new Promise((done) => setTimeout(done, 50));
    expect((await postgres.query(`select to_regclass('held') as it`))[0]).toEqual({ it: null });
    relay.journal.release();
    expect(await client.until('Z')).toBe('CZ');
  });

  it('that fails refuses the statements that wait, in order, and nothing of them runs', async () => {
    const client = await raw();
    client.send(query('create temp table j (a int)'));
    await client.until('Z');
    relay.journal.hold = true;
    client.send(
      query('insert into j values (1)'),
      parse('', 'insert into j values (2)'),
      bindOf('', ''),
      execute(''),
      sync(),
    );
    await eventually(() => texts().length === 3);
    relay.journal.release(new GwError('journal_unavailable', 'The disk is full.'));
    const messages = await client.take('Z', 2);
    expect(messages.map(({ type }) => type).join('')).toBe('EZEZ');
    expect(errorIn(messages)).toMatchObject({ sqlstate: '58030', message: 'The disk is full.' });
    relay.journal.hold = false;
    client.send(query('select count(*) from j'));
    expect(
      (await client.take('Z'))
        .find(({ type }) => type === 'D')!
        .body.subarray(6)
        .toString(),
    ).toBe('0');
  });

  it('that takes nothing refuses at once and recovers', async () => {
    const client = await raw();
    relay.journal.broken = new GwError('journal_unavailable', 'The disk is full.');
    client.send(query('select 1'));
    expect(errorIn(await client.take('Z'))).toMatchObject({ sqlstate: '58030' });
    relay.journal.broken = undefined;
    client.send(query('select 1'));
    expect(await client.until('Z')).toBe('TDCZ');
  });

  it('that fails refuses new sessions', async () => {
    relay.journal.broken = new GwError('journal_unavailable', 'The disk is full.');
    const client = await raw();
    expect(
      errorIn(await client.untilClosed().then((rest) => [...client.messages, ...rest])) ?? 'closed',
    ).toBeDefined();
    expect(client.closed).toBe(true);
  });

  it('has a statement before Terminate that came with it', async () => {
    await postgres.query('create table if not exists goodbye (a int)');
    const client = await raw();
    relay.journal.hold = true;
    client.send(query('insert into goodbye values (1)'), terminate());
    client.socket.end();
    await eventually(() => texts().length === 1);
    relay.journal.release();
    await eventually(async () => (await postgres.query('select 1 from goodbye')).length === 1);
  });
});

describe('ends', () => {
  it('a CancelRequest with our key stops the statement, and only with the right key', async () => {
    const client = await raw();
    client.send(query('select pg_sleep(30)'));
    await eventually(
      async () =>
        (
          await postgres.query(
            `select 1 from pg_stat_activity where state = 'active' and query = 'select pg_sleep(30)'`,
          )
        ).length === 1,
    );
    const cancel = (secret: Buffer): Promise<void> =>
      new Promise((done) => {
        const socket = connect({ port: relay.port, host: '127.0.0.1' });
        socket.on('error', () => {});
        socket.on('close', () => done());
        socket.end(cancelRequest(client.processId, secret));
        socket.resume();
      });
    const wrong = Buffer.from(client.secret);
    wrong[0]! ^= 1;
    await cancel(wrong);
    expect(relay.recorded.some(({ event }) => event === 'cancel')).toBe(false);
    await cancel(client.secret);
    expect(errorIn(await client.take('Z'))).toMatchObject({ sqlstate: '57014' });
  });

  it('the database never shows its own key', async () => {
    const client = await raw();
    client.send(query('select pg_backend_pid()'));
    const row = (await client.take('Z')).find(({ type }) => type === 'D')!;
    expect(Number(row.body.subarray(6).toString())).not.toBe(client.processId);
    expect(client.secret.length).toBe(4);
  });

  it('protocol 3.2 gets a longer key', async () => {
    if (postgres.major < 18) return;
    const client = await raw([['user', 'tester']], { major: 3, minor: 2 });
    expect(client.secret.length).toBe(32);
  });

  it('the end of the session grant: what runs is cancelled, the transaction rolls back, the client is told', async () => {
    await postgres.query('create table if not exists ending (a int)');
    const client = await raw();
    client.send(query('begin'), query('insert into ending values (1)'), query('select pg_sleep(30)'));
    await client.until('Z', 2);
    relay.registry.of('test|tester').at(-1)!.reachedEnd();
    const messages = await client.untilClosed();
    expect(errorIn(messages)).toMatchObject({ severity: 'FATAL', sqlstate: '57P01' });
    await eventually(async () => (await backends()) === 0);
    expect(await postgres.query('select * from ending')).toEqual([]);
  });

  it('in the middle of a large answer comes between two messages', async () => {
    const client = await raw();
    client.send(query(`select repeat('x', 10000) from generate_series(1, 100000)`));
    await client.take('D', 50);
    relay.registry.of('test|tester').at(-1)!.reachedEnd();
    const messages = await client.untilClosed();
    expect(messages.at(-1)?.type).toBe('E');
    expect(errorIn(messages)).toMatchObject({ severity: 'FATAL', sqlstate: '57P01' });
  });

  it('a client killed in the middle of a result leaves nothing behind', async () => {
    const client = await raw();
    client.send(query(`select repeat('x', 10000) from generate_series(1, 1000000)`));
    await client.take('D', 10);
    client.socket.resetAndDestroy();
    await eventually(async () => (await backends()) === 0);
    await eventually(() => relay.registry.size === 0);
  });

  it('a backend killed in the middle of a session: the client reads why', async () => {
    const client = await raw();
    client.send(query('select pg_backend_pid()'));
    const pid = Number(
      (await client.take('Z'))
        .find(({ type }) => type === 'D')!
        .body.subarray(6)
        .toString(),
    );
    await postgres.query('select pg_terminate_backend($1)', [pid]);
    expect(errorIn(await client.untilClosed())).toMatchObject({ severity: 'FATAL', sqlstate: '57P01' });
    await eventually(() => relay.registry.size === 0);
  });
});

describe('back-pressure', () => {
  it('a client that does not read stops the database, not the memory of the gateway', async () => {
    const client = await raw();
    client.socket.pause();
    client.send(query(`select repeat('x', 100000) from generate_series(1, 3000)`));
    await new Promise((done) => setTimeout(done, 500));
    const before = process.memoryUsage();
    await new Promise((done) => setTimeout(done, 500));
    const after = process.memoryUsage();
    const held = (usage: NodeJS.MemoryUsage): number => usage.external + usage.arrayBuffers;
    expect(held(after) - held(before)).toBeLessThan(16e6);
    client.socket.resume();
    const messages = await client.take('Z');
    expect(messages.filter(({ type }) => type === 'D')).toHaveLength(3000);
  });

  it('a pipeline far longer than what may be pending goes through', async () => {
    const client = await raw();
    const batch: Buffer[] = [parse('s', 'select 1')];
    for (let i = 0; i < 30_000; i++) batch.push(bindOf('', 's'), execute(''));
    client.send(...batch, sync());
    expect((await client.until('Z')).length).toBe(1 + 30_000 * 3 + 1);
    expect(outcomes()).toHaveLength(30_000);
  });

  it('Flush brings answers without Sync', async () => {
    const client = await raw();
    client.send(parse('', 'select 1'), flush());
    expect(await client.until('1')).toBe('1');
    client.send(bindOf('', ''), execute(''), flush());
    expect(await client.until('C')).toBe('2DC');
    client.send(sync());
    expect(await client.until('Z')).toBe('Z');
  });
});

describe('node-postgres', () => {
  it('does what it does directly', async () => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: relay.port,
      user: 'tester',
      database: 'postgres',
    });
    await client.connect();
    expect((await client.query('select $1::int + 1 as n', [41])).rows).toEqual([{ n: 42 }]);
    await expect(client.query('select nonsense')).rejects.toMatchObject({ code: '42703' });
    await client.query('listen news');
    const heard = new Promise((done) => client.once('notification', done));
    await client.query(`notify news, 'hello'`);
    expect(await heard).toMatchObject({ channel: 'news', payload: 'hello' });
    await client.end();
    await eventually(() => relay.registry.size === 0);
    expect(relay.recorded.at(-1)).toEqual({ event: 'ended', reason: 'client closed' });
  });
});
