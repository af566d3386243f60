import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionGrant } from '../../../src/contract/api.ts';
import { type AuditLine, readAudit } from '../../../src/gateway/journal/audit-lines.ts';
import {
  bind,
  cancelRequest,
  close,
  copyData,
  copyDone,
  copyFail,
  execute,
  functionCall,
  parse,
  query,
  sync,
} from '../../../src/wire/build-frontend.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { withLimit } from '../../support/limits.ts';
import { dialTcp, nativeSession } from '../../support/native-client.ts';
import type { RawClient } from '../../support/raw-client.ts';

/** The joined audit lines of a whole gateway: who, target, text, start, rows, SQLSTATE, duration of everything that ran. */
let gw: TestGateway;
let alice: SessionGrant;

beforeAll(async () => {
  gw = await startTestGateway();
  alice = await gw.sessionGrant('alice');
});
afterAll(() => gw?.stop());

/** What a session did, as the journal has it once the session is over. */
async function audited(work: (client: RawClient) => Promise<unknown>): Promise<AuditLine[]> {
  const before = (await gw.journal()).at(-1)!.sequence;
  const client = await nativeSession(gw, alice);
  await work(client);
  client.destroy();
  await eventually(async () =>
    (await gw.journal()).some(
      ({ sequence, record }) => sequence > before && record.event === 'session_ended',
    ),
  );
  const lines: AuditLine[] = [];
  for await (const line of readAudit(join(gw.folder, 'data', 'journal'))) {
    if (line.sequence > before) lines.push(line);
  }
  return lines;
}

const brief = (lines: readonly AuditLine[]) =>
  lines.map(({ text, protocol, rows, tag, sqlstate, state }) => ({
    text,
    protocol,
    rows,
    tag,
    sqlstate,
    state,
  }));
const bound = (portal: string, statement: string, ...parameters: string[]) =>
  bind({ portal, statement, parameters: parameters.map((value) => Buffer.from(value)) });

describe('each statement', () => {
  it('has who, target, text, start, rows, SQLSTATE and duration', async () => {
    const began = Date.now();
    const lines = await audited(async (client) => {
      client.send(query('select generate_series(1, 7), pg_sleep(0.002)'));
      await client.take('Z');
    });
    expect(lines).toEqual([
      expect.objectContaining({
        who: `${gw.idp.issuer}|alice`,
        name: 'alice@example.com',
        target: 'prod-db',
        database: 'shop',
        text: 'select generate_series(1, 7), pg_sleep(0.002)',
        rows: 7,
        tag: 'SELECT 7',
        sqlstate: '00000',
        state: 'done',
        truncated: false,
      }),
    ]);
    const [{ start, durationUs, bytes }] = lines as [AuditLine];
    expect(Date.parse(start!)).toBeGreaterThanOrEqual(began - 1);
    expect(Date.parse(start!)).toBeLessThanOrEqual(Date.now());
    expect(durationUs).toBeGreaterThan(14_000);
    expect(durationUs).toBeLessThan((Date.now() - began) * 1_000);
    expect(bytes).toBeGreaterThan(7 * 10);
  });

  it('of several in one Query has its own line, with the whole text', async () => {
    const text =
      'select 1; select generate_series(1, 3); create temp table several (a int); select 1/0; select 9';
    const lines = await audited(async (client) => {
      client.send(query(text));
      await client.take('Z');
    });
    expect(brief(lines)).toEqual([
      { text, protocol: 'simple', rows: 1, tag: 'SELECT 1', sqlstate: '00000', state: 'done' },
      { text, protocol: 'simple', rows: 3, tag: 'SELECT 3', sqlstate: '00000', state: 'done' },
      { text, protocol: 'simple', rows: undefined, tag: 'CREATE TABLE', sqlstate: '00000', state: 'done' },
      { text, protocol: 'simple', rows: undefined, tag: undefined, sqlstate: '22012', state: 'done' },
    ]);
    for (const line of lines) {
      expect(line).toMatchObject({ name: 'alice@example.com', target: 'prod-db', start: expect.any(String) });
      expect(line.durationUs).toBeGreaterThan(0);
    }
  });

  it('prepared once and executed many times is there each time, by its portal', async () => {
    const lines = await audited(async (client) => {
      client.send(parse('one', 'select $1::int'), parse('two', 'select generate_series(1, $1::int)'), sync());
      await client.take('Z');
      for (let i = 1; i <= 5; i++) {
        client.send(bound('p', 'two', String(i)), bound('q', 'one', '7'), execute('q'), execute('p'), sync());
      }
      await client.take('Z', 5);
    });
    expect(lines).toHaveLength(10);
    expect(brief(lines)).toEqual(
      [1, 2, 3, 4, 5].flatMap((rows) => [
        {
          text: 'select $1::int',
          protocol: 'extended',
          rows: 1,
          tag: 'SELECT 1',
          sqlstate: '00000',
          state: 'done',
        },
        {
          text: 'select generate_series(1, $1::int)',
          protocol: 'extended',
          rows,
          tag: `SELECT ${rows}`,
          sqlstate: '00000',
          state: 'done',
        },
      ]),
    );
    // Parameters may be anybody's data: they are not in the record.
    expect(JSON.stringify(lines)).not.toContain('"7"');
  });

  it('a name that is prepared anew stands for the new text', async () => {
    const lines = await audited(async (client) => {
      client.send(parse('s', 'select 1'), bound('', 's'), execute(''), sync());
      await client.take('Z');
      client.send(close('statement', 's'), parse('s', 'select 2'), bound('', 's'), execute(''), sync());
      await client.take('Z');
      client.send(
        parse('', 'select 3'),
        bound('', ''),
        execute(''),
        parse('', 'select 4'),
        bound('', ''),
        execute(''),
        sync(),
      );
      await client.take('Z');
    });
    expect(lines.map(({ text }) => text)).toEqual(['select 1', 'select 2', 'select 3', 'select 4']);
  });

  it('COPY in and out has its rows; one that is given up has its error', async () => {
    const lines = await audited(async (client) => {
      client.send(query('create temp table c (a int)'));
      await client.take('Z');
      client.send(query('copy c from stdin'), copyData(Buffer.from('1\n2\n3\n')), copyDone());
      await client.take('Z');
      client.send(query('copy c to stdout'));
      await client.take('Z');
      client.send(query('copy c from stdin'), copyFail('no'));
      await client.take('Z');
    });
    expect(lines.slice(1).map(({ text, rows, sqlstate }) => [text, rows, sqlstate])).toEqual([
      ['copy c from stdin', 3, '00000'],
      ['copy c to stdout', 3, '00000'],
      ['copy c from stdin', undefined, '57014'],
    ]);
  });

  it('that fails has its SQLSTATE; those behind it in the pipeline did not run', async () => {
    const lines = await audited(async (client) => {
      client.send(parse('', 'select nonsense'), bound('', ''), execute(''), sync());
      await client.take('Z');
      client.send(
        parse('a', 'select 1/0'),
        parse('b', 'select 2'),
        bound('', 'a'),
        execute(''),
        bound('', 'b'),
        execute(''),
        sync(),
      );
      await client.take('Z');
    });
    expect(lines.map(({ text, sqlstate }) => [text, sqlstate])).toEqual([
      ['select nonsense', '42703'],
      ['select 1/0', '22012'],
      ['select 2', '25P02'],
    ]);
  });

  it('that is cancelled has 57014, and the cancel is an event', async () => {
    const lines = await audited(async (client) => {
      client.send(query('select pg_sleep(60)'));
      await eventually(
        async () =>
          (await gw.postgres.query(`select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`))
            .length,
      );
      const socket = await dialTcp(gw);
      socket.resume().end(cancelRequest(client.processId, client.secret));
      await client.take('Z');
    });
    expect(lines.map(({ text, sqlstate, state }) => [text, sqlstate, state])).toEqual([
      ['select pg_sleep(60)', '57014', 'done'],
    ]);
    expect((await gw.journal()).some(({ record }) => record.event === 'cancel_requested')).toBe(true);
  });

  it('whose client is gone before it finished is cancelled after a while, and unfinished', async () => {
    const work = async (client: RawClient): Promise<void> => {
      client.send(query('select pg_sleep(60)'));
      await eventually(
        async () =>
          (await gw.postgres.query(`select 1 from pg_stat_activity where query = 'select pg_sleep(60)'`))
            .length,
      );
    };
    const lines = await withLimit('clientGoneMs', 100, () => audited(work));
    expect(lines.map(({ text, state }) => [text, state])).toEqual([['select pg_sleep(60)', 'unfinished']]);
  });

  it('in any bytes: not UTF-8, control characters, quotes, and a megabyte', async () => {
    const long = `select '${'é'.repeat(700_000)}'`;
    const lines = await audited(async (client) => {
      client.send(query(`select '"\\\u0001\u2028'`));
      await client.take('Z');
      client.send(query(Buffer.from([0x73, 0x65, 0x6c, 0x65, 0x63, 0x74, 0x20, 0x27, 0xff, 0x27])));
      await client.take('Z');
      client.send(query(long));
      await client.take('Z');
    });
    expect(lines[0]!.text).toBe(`select '"\\\u0001\u2028'`);
    expect(lines[1]!.sqlstate).toBe('22021');
    expect(lines[1]!.text).toMatch(/^select '.+'$/);
    expect(lines[2]).toMatchObject({ truncated: true, sqlstate: '00000', rows: 1 });
    expect(long.startsWith(lines[2]!.text!.slice(0, 1_000))).toBe(true);
  });

  it('an empty one, and a function call, which is refused', async () => {
    const lines = await audited(async (client) => {
      client.send(query(''), query('-- nothing'));
      await client.take('Z', 2);
      client.send(functionCall({ oid: 31, argumentFormats: [], arguments: [], resultFormat: 0 }));
      await client.take('Z');
    });
    expect(lines.slice(0, 2).map(({ text, sqlstate }) => [text, sqlstate])).toEqual([
      ['', '00000'],
      ['-- nothing', '00000'],
    ]);
    expect(lines.slice(2).map(({ state, sqlstate }) => [state, sqlstate])).toEqual([['refused', '0A000']]);
  });
});
