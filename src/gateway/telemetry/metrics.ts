import { collectDefaultMetrics, Registry } from 'prom-client';
import { expose, FastHistogram, type Labels, type Value } from './counts.ts';

/**
 * What the gateway counts, for Prometheus. `statement` and `bytes` run for each statement and each chunk: they
 * add to numbers and nothing else. docs/operations.md lists the names.
 */

export type StatementKind = 'simple' | 'extended';
export type StatementDecision = 'allow' | 'deny' | 'hold';

const KINDS = ['simple', 'extended'] as const;
const DECISIONS = ['allow', 'deny', 'hold'] as const;
const LAG_INTERVAL_MS = 50;
/** A sign-in's result is `ok` or an error code; so many are counted apart. */
const MAX_RESULTS = 64;

interface TargetCounts {
  open: number;
  total: number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #statements = new Float64Array(KINDS.length * DECISIONS.length);
  readonly #statementSeconds = KINDS.map(() => new FastHistogram());
  readonly #bytes = new Float64Array(2);
  readonly #gateSeconds = new FastHistogram();
  readonly #flushSeconds = new FastHistogram();
  readonly #connectSeconds = new FastHistogram();
  readonly #lagSeconds = new FastHistogram();
  readonly #targets = new Map<string, TargetCounts>();
  readonly #signIns = new Map<string, number>();
  readonly #lagTimer: NodeJS.Timeout;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#exposeCounts();
    this.#exposeSeconds();
    this.#lagTimer = measureLag(this.#lagSeconds);
  }

  /** A statement was decided about; if it ran, `seconds` is from its intent to its outcome. */
  statement(kind: StatementKind, decision: StatementDecision, seconds: number): void {
    const k = kind === 'simple' ? 0 : 1;
    const d = decision === 'allow' ? 0 : decision === 'deny' ? 1 : 2;
    this.#statements[k * DECISIONS.length + d]!++;
    if (d === 0) this.#statementSeconds[k]!.observe(seconds);
  }

  /** Bytes relayed: `in` from clients, `out` to them. */
  bytes(direction: 'in' | 'out', count: number): void {
    this.#bytes[direction === 'in' ? 0 : 1]! += count;
  }

  /** Time the gateway itself added to a statement: understanding, deciding, waiting for the journal. */
  gate(seconds: number): void {
    this.#gateSeconds.observe(seconds);
  }

  journalFlush(seconds: number): void {
    this.#flushSeconds.observe(seconds);
  }

  /** @param connectSeconds dial, TLS and authentication with the target. */
  sessionOpened(target: string, connectSeconds: number): void {
    const counts = this.#targets.get(target) ?? { open: 0, total: 0 };
    this.#targets.set(target, counts);
    counts.open++;
    counts.total++;
    this.#connectSeconds.observe(connectSeconds);
  }

  sessionClosed(target: string): void {
    const counts = this.#targets.get(target);
    if (counts !== undefined && counts.open > 0) counts.open--;
  }

  /** @param result `ok` or a code of core/errors. */
  signIn(result: string): void {
    const known = this.#signIns.has(result) || this.#signIns.size < MAX_RESULTS ? result : 'other';
    this.#signIns.set(known, (this.#signIns.get(known) ?? 0) + 1);
  }

  /** What is asked for at each scrape. Called once, when those parts exist. */
  watch(sources: { readonly tunnels: () => number; readonly journalHealthy: () => boolean }): void {
    expose(this.#registry, 'gauge', 'gw_tunnels', 'Tunnels connected.', () => one(sources.tunnels()));
    expose(this.#registry, 'gauge', 'gw_journal_healthy', '1 while the journal can be written.', () =>
      one(sources.journalHealthy() ? 1 : 0),
    );
  }

  /** All metrics in the text format of Prometheus (`text/plain; version=0.0.4`). */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  close(): void {
    clearInterval(this.#lagTimer);
    this.#registry.clear();
  }

  #exposeCounts(): void {
    const counter = (name: string, help: string, values: () => Value[]): void =>
      expose(this.#registry, 'counter', name, help, values);
    const perTarget = (pick: (counts: TargetCounts) => number) => () =>
      [...this.#targets].map(([target, counts]) => ({ value: pick(counts), labels: { target } }));

    expose(
      this.#registry,
      'gauge',
      'gw_sessions',
      'Sessions open.',
      perTarget((counts) => counts.open),
    );
    counter(
      'gw_sessions_total',
      'Sessions opened.',
      perTarget((counts) => counts.total),
    );
    counter('gw_statements_total', 'Statements by decision and protocol.', () =>
      KINDS.flatMap((kind, k) =>
        DECISIONS.map((decision, d) => ({
          value: this.#statements[k * DECISIONS.length + d]!,
          labels: { decision, kind },
        })),
      ),
    );
    counter('gw_bytes_total', 'Bytes relayed, from clients (in) and to them (out).', () =>
      (['in', 'out'] as const).map((direction, i) => ({ value: this.#bytes[i]!, labels: { direction } })),
    );
    counter('gw_sign_ins_total', 'Credentials presented, by result.', () =>
      [...this.#signIns].map(([result, value]) => ({ value, labels: { result } })),
    );
  }

  #exposeSeconds(): void {
    const histogram = (name: string, help: string, parts: [FastHistogram, Labels][]): void =>
      expose(this.#registry, 'histogram', name, help, () =>
        parts.flatMap(([h, labels]) => h.values(name, labels)),
      );

    histogram(
      'gw_statement_seconds',
      'From the intent of a statement to its outcome.',
      KINDS.map((kind, k) => [this.#statementSeconds[k]!, { kind }]),
    );
    histogram('gw_gate_seconds', 'What the gateway itself adds to a statement.', [[this.#gateSeconds, {}]]);
    histogram('gw_journal_flush_seconds', 'One flush of the journal.', [[this.#flushSeconds, {}]]);
    histogram('gw_connect_seconds', 'Dial, TLS and authentication with a target.', [
      [this.#connectSeconds, {}],
    ]);
    histogram('gw_event_loop_lag_seconds', 'How late the event loop is.', [[this.#lagSeconds, {}]]);
  }
}

const one = (value: number): Value[] => [{ value, labels: {} }];

/**
 * How much later than asked a timer fires. A histogram of its own, because the one of perf_hooks gives
 * percentiles since its last reset, which can be neither added up nor scraped by two.
 */
function measureLag(histogram: FastHistogram): NodeJS.Timeout {
  let expected = performance.now() + LAG_INTERVAL_MS;
  return setInterval(() => {
    const now = performance.now();
    histogram.observe(Math.max(0, (now - expected) / 1_000));
    expected = now + LAG_INTERVAL_MS;
  }, LAG_INTERVAL_MS).unref();
}
