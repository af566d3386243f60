import { describe, expect, it } from 'vitest';
import { Health } from '../../../src/gateway/telemetry/health.ts';

describe('readiness', () => {
  it('holds while every check holds', async () => {
    const health = new Health();
    expect(await health.readiness()).toEqual({ ready: true, checks: {} });
    health.set('journal', () => true);
    health.set('control_database', async () => true as const);
    expect(await health.readiness()).toEqual({
      ready: true,
      checks: { journal: { ok: true }, control_database: { ok: true } },
    });
    health.set('journal', () => 'The disk is full.');
    expect(await health.readiness()).toEqual({
      ready: false,
      checks: { journal: { ok: false, message: 'The disk is full.' }, control_database: { ok: true } },
    });
  });

  it('does not hold when a check fails or does not answer', async () => {
    const health = new Health(1);
    health.set('throws', () => {
      throw new Error('password=secret');
    });
    health.set('rejects', () => Promise.reject(new Error('password=secret')));
    health.set('hangs', () => new Promise(() => undefined));
    const { ready, checks } = await health.readiness();
    expect(ready).toBe(false);
    expect(Object.values(checks).map(({ ok }) => ok)).toEqual([false, false, false]);
    expect(JSON.stringify(checks)).not.toContain('secret');
  });
});
