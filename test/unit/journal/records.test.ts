import { describe, expect, it } from 'vitest';
import * as records from '../../../src/gateway/journal/records.ts';

const TIME = Date.UTC(2025, 0, 31, 10);
const who = { who: 'iss|alice', name: 'alice' };

describe('records', () => {
  const lines: Record<string, string> = {
    gateway_started: records.gatewayStarted(TIME, { gateway: 'gw', version: '1.0.0', pid: 1, host: 'h' }),
    gateway_stopped: records.gatewayStopped(TIME, { gateway: 'gw', reason: 'SIGTERM' }),
    config_loaded: records.configLoaded(TIME, { path: 'gw.yaml', sha256: 'ab', targets: 2, reload: false }),
    config_refused: records.configRefused(TIME, { path: 'gw.yaml', sha256: 'ab', problems: 2, message: 'm' }),
    sign_in_refused: records.signInRefused(TIME, {
      remote: '10.0.0.1:5',
      via: 'api',
      code: 'not_signed_in',
      message: 'expired',
    }),
    session_grant_issued: records.sessionGrantIssued(TIME, {
      ...who,
      grant: 'g',
      kind: 'human',
      provider: 'corp',
      groups: ['engineers'],
      target: 'prod-db',
      because: 'group engineers',
      remote: '10.0.0.1:5',
      expiresAt: TIME,
      endsAt: TIME,
    }),
    session_started: records.sessionStarted(TIME, {
      ...who,
      session: 's',
      grant: 'g',
      kind: 'machine',
      provider: 'github',
      groups: [],
      target: 'prod-db',
      database: 'shop',
      remote: '10.0.0.1:5',
      via: 'tunnel',
      application: 'psql',
      endsAt: TIME,
    }),
    session_refused: records.sessionRefused(TIME, {
      ...who,
      target: 'prod-db',
      remote: 'r',
      code: 'denied',
      message: 'm',
    }),
    cancel_requested: records.cancelRequested(TIME, { session: 's', remote: 'r' }),
    session_ended: records.sessionEnded(TIME, {
      ...who,
      session: 's',
      target: 'prod-db',
      reason: 'client',
      durationMs: 12.7,
      statements: 3,
      bytesIn: 1,
      bytesOut: 2,
    }),
    journal_recovered: records.journalRecovered(TIME, { from: 1, to: 2, lost: 0, cause: 'ENOSPC' }),
  };

  it.each(Object.entries(lines))('%s is one line with its name and time', (event, line) => {
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({ event, time: '2025-01-31T10:00:00.000Z' });
  });

  it('names members as the documentation has them', () => {
    expect(JSON.parse(lines.session_started!)).toEqual({
      event: 'session_started',
      time: '2025-01-31T10:00:00.000Z',
      session: 's',
      grant: 'g',
      who: 'iss|alice',
      name: 'alice',
      kind: 'machine',
      provider: 'github',
      groups: [],
      target: 'prod-db',
      database: 'shop',
      remote: '10.0.0.1:5',
      via: 'tunnel',
      application: 'psql',
      ends_at: '2025-01-31T10:00:00.000Z',
    });
    expect(JSON.parse(lines.session_ended!)).toMatchObject({ duration_ms: 13, bytes_in: 1, bytes_out: 2 });
  });
});
