import type { Metric, MetricType, MetricValue, Registry } from 'prom-client';

/**
 * Counters and histograms for hot paths: plain numbers in typed arrays, no labels object and no allocation per
 * call. They become Prometheus values when someone asks.
 */

/** Upper bounds in seconds of what takes from microseconds to seconds. */
const FAST_BOUNDS = [
  0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
  1, 2.5, 5, 10,
];

export class FastHistogram {
  readonly bounds: readonly number[];
  readonly #limits: Float64Array;
  /** One for each bound, and one for what is above all. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[] = FAST_BOUNDS) {
    this.bounds = bounds;
    this.#limits = Float64Array.from(bounds);
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(seconds: number): void {
    const limits = this.#limits;
    let i = 0;
    while (i < limits.length && seconds > limits[i]!) i++;
    this.#counts[i]!++;
    this.#sum += seconds;
  }

  /** Values as Prometheus has them: cumulative buckets, sum and count. */
  values(name: string, labels: Labels): Value[] {
    let total = 0;
    const values = this.bounds.map((bound, i) => {
      total += this.#counts[i]!;
      return { metricName: `${name}_bucket`, value: total, labels: { ...labels, le: bound } };
    });
    total += this.#counts[this.bounds.length]!;
    return [
      ...values,
      { metricName: `${name}_bucket`, value: total, labels: { ...labels, le: '+Inf' } },
      { metricName: `${name}_sum`, value: this.#sum, labels },
      { metricName: `${name}_count`, value: total, labels },
    ];
  }
}

export type Labels = Record<string, string | number>;
export interface Value extends MetricValue<string> {
  readonly metricName?: string;
}

/** Adds a metric whose values are asked for at each scrape. */
export function expose(
  registry: Registry,
  type: 'counter' | 'gauge' | 'histogram',
  name: string,
  help: string,
  values: (name: string) => Value[],
): void {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => ({ name, help, type: type as unknown as MetricType, values: values(name), aggregator: 'sum' }),
    reset: () => undefined,
  };
  // A registry asks its metrics for nothing but these; its type names classes that keep their own numbers.
  registry.registerMetric(metric as unknown as Metric);
}
