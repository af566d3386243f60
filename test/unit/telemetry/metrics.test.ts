import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FastHistogram } from '../../../src/gateway/telemetry/counts.ts';
import { Metrics } from '../../../src/gateway/telemetry/metrics.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = new Metrics();
});
afterEach(() => metrics.close());

const lines = async (start: string): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith(start));

describe('metrics', () => {
  it('counts statements by decision and kind', async () => {
    metrics.statement('simple', 'allow', 0.002);
    metrics.statement('extended', 'allow', 0.002);
    metrics.statement('extended', 'allow', 20);
    metrics.statement('extended', 'deny', 0);
    metrics.statement('simple', 'hold', 0);
    expect((await lines('gw_statements_total')).sort()).toEqual([
      'gw_statements_total{decision="allow",kind="extended"} 2',
      'gw_statements_total{decision="allow",kind="simple"} 1',
      'gw_statements_total{decision="deny",kind="extended"} 1',
      'gw_statements_total{decision="deny",kind="simple"} 0',
      'gw_statements_total{decision="hold",kind="extended"} 0',
      'gw_statements_total{decision="hold",kind="simple"} 1',
    ]);
    const seconds = await lines('gw_statement_seconds');
    expect(seconds).toContain('gw_statement_seconds_bucket{kind="extended",le="0.001"} 0');
    expect(seconds).toContain('gw_statement_seconds_bucket{kind="extended",le="0.0025"} 1');
    expect(seconds).toContain('gw_statement_seconds_bucket{kind="extended",le="+Inf"} 2');
    expect(seconds).toContain('gw_statement_seconds_count{kind="extended"} 2');
    expect(seconds).toContain('gw_statement_seconds_sum{kind="extended"} 20.002');
  });

  it('counts sessions by target', async () => {
    metrics.sessionOpened('a', 0.1);
    metrics.sessionOpened('a', 0.1);
    metrics.sessionOpened('b', 0.1);
    metrics.sessionClosed('a');
    metrics.sessionClosed('never');
    expect(await lines('gw_sessions{')).toEqual(['gw_sessions{target="a"} 1', 'gw_sessions{target="b"} 1']);
    expect(await lines('gw_sessions_total')).toEqual([
      'gw_sessions_total{target="a"} 2',
      'gw_sessions_total{target="b"} 1',
    ]);
    expect(await lines('gw_connect_seconds_count')).toEqual(['gw_connect_seconds_count 3']);
  });

  it('counts bytes, flushes, gate time and sign-ins, and asks for the rest', async () => {
    metrics.bytes('in', 10);
    metrics.bytes('out', 20);
    metrics.bytes('out', 1);
    metrics.journalFlush(0.001);
    metrics.gate(0.000_01);
    metrics.signIn('ok');
    for (let i = 0; i < 1_000; i++) metrics.signIn(`odd_${i}`);
    let tunnels = 3;
    metrics.watch({ tunnels: () => tunnels, journalHealthy: () => false });
    expect(await lines('gw_bytes_total')).toEqual([
      'gw_bytes_total{direction="in"} 10',
      'gw_bytes_total{direction="out"} 21',
    ]);
    expect(await lines('gw_journal_flush_seconds_count')).toEqual(['gw_journal_flush_seconds_count 1']);
    expect(await lines('gw_gate_seconds_bucket{le="0.000025"}')).toHaveLength(1);
    expect((await lines('gw_sign_ins_total')).length).toBeLessThan(70);
    expect(await lines('gw_tunnels')).toEqual(['gw_tunnels 3']);
    expect(await lines('gw_journal_healthy')).toEqual(['gw_journal_healthy 0']);
    tunnels = 4;
    expect(await lines('gw_tunnels')).toEqual(['gw_tunnels 4']);
  });

  it('has the defaults of a process, and help and type for each metric', async () => {
    const text = await metrics.text();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain('# TYPE gw_event_loop_lag_seconds histogram');
    const names = new Set(
      [...text.matchAll(/^(gw_\w+?)(?:_bucket|_sum|_count)?[ {]/gm)].map((match) => match[1]!),
    );
    for (const name of names) {
      expect(text).toMatch(new RegExp(`^# HELP ${name} `, 'm'));
      expect(text).toMatch(new RegExp(`^# TYPE ${name} `, 'm'));
    }
  });

  it('puts a value on a bound into its bucket', () => {
    const histogram = new FastHistogram([1, 2]);
    for (const value of [0, 1, 1.5, 2, 3]) histogram.observe(value);
    expect(histogram.values('x', {}).map(({ value }) => value)).toEqual([2, 4, 5, 7.5, 5]);
  });
});
