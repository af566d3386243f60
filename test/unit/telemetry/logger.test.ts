import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GwError } from '../../../src/core/errors.ts';
import { createLogger, type LogFields } from '../../../src/gateway/telemetry/logger.ts';

function capture(level?: string) {
  const lines: string[] = [];
  const log = createLogger(level, { write: (line) => lines.push(line) });
  return { log, last: () => JSON.parse(lines.at(-1)!), lines };
}

describe('the log', () => {
  it('is one JSON line per event', () => {
    const { log, last, lines } = capture();
    log.info('session_started', { session: 's1', target: 'prod-db', durationMs: 1.5 });
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    const { time, ...rest } = last();
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual({
      level: 'info',
      event: 'session_started',
      session: 's1',
      target: 'prod-db',
      duration_ms: 1.5,
    });
  });

  it('writes only the fields it knows, and only plain values of them', () => {
    const { log, lines } = capture('debug');
    const sneaky = {
      session: 's1',
      sql: 'SELECT 1',
      token: 'eyJ',
      target: { secret: 'x' },
      line: 'of the database',
    };
    log.info('event', sneaky as unknown as LogFields);
    expect(lines[0]).toContain('"session":"s1"');
    for (const word of ['SELECT', 'eyJ', 'secret', 'of the database']) expect(lines[0]).not.toContain(word);
    log.debug('event', { line: 'of the database' });
    expect(lines[1]).toContain('of the database');
  });

  it('shortens long values', () => {
    const { log, last } = capture();
    log.warn('event', { reason: 'x'.repeat(100_000) });
    expect(last().reason.length).toBeLessThan(10_000);
  });

  it('keeps below its level', () => {
    const { log, lines } = capture('warn');
    log.info('quiet');
    log.debug('quiet');
    log.event('quiet', undefined);
    log.event('quiet', new GwError('denied', 'No.'));
    expect(lines).toEqual([]);
    log.event('loud', new GwError('timeout', 'Late.'));
    expect(lines).toHaveLength(1);
    expect(() => createLogger('loud')).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it('explains a failure by code, message and causes, without what others say', () => {
    const { log, last, lines } = capture();
    const database = Object.assign(new Error('duplicate key (ssn)=(123-45-6789)'), { code: '23505' });
    const dial = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    const cause = new GwError('database_unreachable', 'The database did not answer.', { cause: database });
    log.failure('heartbeat_failed', new GwError('failed', 'It failed.', { cause }), { target: 'prod-db' });
    expect(last()).toMatchObject({
      level: 'error',
      event: 'heartbeat_failed',
      target: 'prod-db',
      code: 'failed',
      message: 'It failed.',
      causes: [
        'database_unreachable: The database did not answer.',
        expect.stringMatching(/^Error 23505 at /),
      ],
    });
    expect(lines[0]).not.toContain('123-45');
    log.failure('x', new GwError('failed', 'It failed.', { cause: dial }));
    expect(last().causes).toEqual(['Error: connect ECONNREFUSED 10.0.0.1:5432']);
  });

  it('gives places but no texts of unexpected errors, whatever they are', () => {
    const { log, last, lines } = capture();
    const quoting = (() => {
      try {
        return JSON.parse('secret-token');
      } catch (error) {
        return error as Error;
      }
    })();
    const named = Object.assign(new Error('secret-token'), { name: 'secret-token', code: 'secret token' });
    named.stack = 'secret-token\n    at secret-token\n    at ok (file.ts:1:2)';
    const circular = new Error('secret-token');
    circular.cause = circular;
    for (const cause of [quoting, named, circular, 'secret-token', { secret: 'secret-token' }, null]) {
      log.failure('bug', new GwError('bug', 'A bug.', { cause }));
    }
    expect(lines.join('')).not.toContain('secret');
    expect(JSON.parse(lines[0]!).causes[0]).toMatch(/^SyntaxError at .*:\d+:\d+/);
    expect(JSON.parse(lines[1]!).causes).toEqual(['Error at ok (file.ts:1:2)']);
    expect(JSON.parse(lines[2]!).causes).toHaveLength(8);
    expect(last().causes).toEqual([]);
  });

  it('loses no line at exit and does not keep the process alive', () => {
    const module = join(import.meta.dirname, '../../../src/gateway/telemetry/logger.ts');
    const script = `
      import { createLogger } from ${JSON.stringify(module)};
      const log = createLogger();
      for (let i = 0; i < 2000; i++) log.info('line', { count: i, reason: 'x'.repeat(100) });
      if (process.argv[1] === 'exit') process.exit(0);`;
    for (const how of ['exit', 'end']) {
      const child = [process.execPath, '--input-type=module', '-e', script, how];
      const [command, ...args] = child;
      const out = execFileSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', command!, ...args], {
        encoding: 'utf8',
        maxBuffer: 1e7,
      });
      const lines = out.trim().split('\n');
      expect(lines).toHaveLength(2_000);
      expect(JSON.parse(lines.at(-1)!).count).toBe(1_999);
    }
  });
});
