import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  childEnvironment,
  connectionUrl,
  type Endpoint,
  exportLines,
  formatEndpoint,
  psqlCommand,
  shellQuote,
} from '../../../src/cli/tunnel/endpoint.ts';
import { Secret } from '../../../src/core/secret.ts';

const TCP: Endpoint = { host: '127.0.0.1', port: 15_432, user: 'alice@example.com', database: 'shop' };
const UNIX: Endpoint = { ...TCP, host: '/run/user/1000/gw/1f', port: 5432 };
const GUARDED: Endpoint = { ...TCP, passfile: '/run/gw/pass 1', password: new Secret('s/e:c@ret') };

describe('connectionUrl', () => {
  it('escapes user and database', () => {
    expect(connectionUrl({ ...TCP, database: 'a/b?c' })).toBe(
      'postgresql://alice%40example.com@127.0.0.1:15432/a%2Fb%3Fc?sslmode=disable',
    );
  });
  it('names the folder of a socket as a parameter', () => {
    expect(connectionUrl(UNIX)).toBe(
      'postgresql://alice%40example.com@/shop?host=%2Frun%2Fuser%2F1000%2Fgw%2F1f&port=5432&sslmode=disable',
    );
  });
  it('shows the passfile, never the password', () => {
    expect(connectionUrl(GUARDED)).toContain('passfile=%2Frun%2Fgw%2Fpass%201');
    expect(connectionUrl(GUARDED)).not.toContain('ret');
  });
});

describe('childEnvironment', () => {
  it('points libpq at the tunnel and takes away what would lead it elsewhere', () => {
    const env = childEnvironment(
      { PATH: '/bin', PGHOSTADDR: '10.0.0.1', PGSERVICE: 'x', PGPASSWORD: 'old' },
      TCP,
    );
    expect(env).toEqual({
      PATH: '/bin',
      PGHOST: '127.0.0.1',
      PGPORT: '15432',
      PGUSER: 'alice@example.com',
      PGDATABASE: 'shop',
      PGSSLMODE: 'disable',
      DATABASE_URL: connectionUrl(TCP),
    });
  });
  it('gives drivers without passfile the password in the URL', () => {
    const env = childEnvironment({}, GUARDED);
    expect(env.PGPASSFILE).toBe('/run/gw/pass 1');
    const url = new URL(env.DATABASE_URL!);
    expect(decodeURIComponent(url.password)).toBe('s/e:c@ret');
    expect(decodeURIComponent(url.username)).toBe('alice@example.com');
  });
});

describe('shell text', () => {
  it('means the same to sh as to us', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 0, maxLength: 40, unit: 'binary-ascii' }), (raw) => {
        const text = raw.replaceAll('\0', '');
        const printed = execFileSync('sh', ['-c', `printf %s ${shellQuote(text)}`]).toString('latin1');
        expect(printed).toBe(text);
      }),
      { numRuns: 30 },
    );
  });
  it('can be evaluated, whatever user and database are called', () => {
    const odd: Endpoint = { ...TCP, user: `o'brien $(id)`, database: '`x` "y"' };
    const script = `${exportLines(odd)}\nprintf '%s|%s' "$PGUSER" "$PGDATABASE"`;
    expect(execFileSync('sh', ['-c', script]).toString()).toBe(`${odd.user}|${odd.database}`);
  });
  it('has a psql line to paste', () => {
    expect(psqlCommand(TCP)).toBe(`psql "${connectionUrl(TCP)}"`);
  });
});

it('writes a section of a service file', () => {
  expect(formatEndpoint('service', 'prod-db', GUARDED).split('\n')).toEqual([
    '[prod-db]',
    'host=127.0.0.1',
    'port=15432',
    'dbname=shop',
    'user=alice@example.com',
    'sslmode=disable',
    'passfile=/run/gw/pass 1',
  ]);
});
