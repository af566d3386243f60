import type { CaseReport } from './report.ts';
import type { World } from './world.ts';

/** What a case gets. */
export interface Bench {
  readonly world: World;
  readonly rounds: number;
  /** Of one run of pgbench. */
  readonly seconds: number;
  /** Of one bulk transfer. */
  readonly megabytes: number;
  /** Idle sessions for the memory case. */
  readonly sessions: number;
  /** Tells a person at a terminal what is going on. */
  progress(what: string): void;
}

export interface Case {
  readonly name: string;
  readonly summary: string;
  /** pgbench must be there. */
  readonly needsPgbench: boolean;
  run(bench: Bench): Promise<CaseReport[]>;
}
