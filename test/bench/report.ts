/** A goal of docs/performance.md beside what was measured. */
export interface Goal {
  readonly what: string;
  readonly wanted: { readonly atLeast: number } | { readonly atMost: number };
  readonly measured: number;
  readonly unit: string;
}

/** What one case found: a table for people, the same as data, and the goals it speaks to. */
export interface CaseReport {
  readonly name: string;
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
  /** One line under the table: what to keep in mind when reading it. */
  readonly note?: string;
  readonly data: unknown;
}

export function isMet({ wanted, measured }: Goal): boolean {
  return 'atLeast' in wanted ? measured >= wanted.atLeast : measured <= wanted.atMost;
}

export function formatReport(report: CaseReport): string {
  const lines = ['', `── ${report.title} ──`, ...formatTable(report.head, report.rows)];
  if (report.note) lines.push(`  ${report.note}`);
  return [...lines, ...formatGoals(report.goals)].join('\n');
}

export function formatGoals(goals: readonly Goal[]): string[] {
  if (goals.length === 0) return [];
  const rows = goals.map((goal) => {
    const sign = 'atLeast' in goal.wanted ? `≥ ${goal.wanted.atLeast}` : `≤ ${goal.wanted.atMost}`;
    const verdict = Number.isNaN(goal.measured) ? '?' : isMet(goal) ? 'yes' : 'NO';
    return [goal.what, figure(goal.measured), goal.unit, sign, verdict];
  });
  return formatTable(['goal', 'measured', '', 'wanted', 'met'], rows);
}

/** First column to the left, the others to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd();
  return [line(head), ...rows.map(line)];
}

/** Three significant digits; whole numbers above a hundred. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
