import { describe, expect, it } from 'vitest';
import { attribution, readRequest } from '../../../src/gateway/session/request.ts';
import type { SessionTarget } from '../../../src/gateway/session/types.ts';

const target = {
  name: 'prod-db',
  database: 'shop',
  databases: ['shop', 'reporting'],
} as unknown as SessionTarget;
const ask = (...parameters: [string, string][]) => readRequest({ major: 3, minor: 0, parameters }, target);

describe('what a startup packet asks for', () => {
  it.each([
    [undefined, 'shop'],
    ['', 'shop'],
    ['prod-db', 'shop'],
    ['shop', 'shop'],
    ['reporting', 'reporting'],
    ['prod-db/reporting', 'reporting'],
  ])('database %j is %j', (given, database) => {
    expect(ask(...((given === undefined ? [] : [['database', given]]) as [string, string][])).database).toBe(
      database,
    );
  });

  it('refuses a database that the target does not offer', () => {
    expect(() => ask(['database', 'secret'])).toThrow(expect.objectContaining({ code: 'unknown_database' }));
    expect(() => ask(['database', 'other/shop'])).toThrow(
      expect.objectContaining({ code: 'unknown_database' }),
    );
  });

  it.each(['database', 'true', 'on', 'yes', '1', 'weird'])('refuses replication=%s', (value) => {
    expect(() => ask(['replication', value])).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  it('passes everything on but what the gateway decides itself', () => {
    const request = ask(
      ['user', 'x'],
      ['application_name', 'psql'],
      ['client_encoding', 'UTF8'],
      ['replication', 'off'],
    );
    expect(request.parameters).toEqual([['client_encoding', 'UTF8']]);
    expect(request.applicationName).toBe('psql');
  });
});

describe('attribution', () => {
  it('names identity, session and client within what PostgreSQL keeps', () => {
    expect(attribution('alice@shop.example', '0123456789abcdef', 'psql')).toBe(
      'gw:alice@shop.example/0123456789abcdef psql',
    );
    const long = attribution('x'.repeat(200), '0123456789abcdef', 'y'.repeat(200));
    expect(long.length).toBeLessThanOrEqual(63);
    expect(long).toContain('/0123456789abcdef');
  });

  it('is printable ASCII', () => {
    expect(attribution('älice\n', '0123456789abcdef', '\u202e')).toBe('gw:?lice?/0123456789abcdef ?');
  });
});
