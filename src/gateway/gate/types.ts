import type { GwError } from '../../core/errors.ts';

/** How a statement came: a Query message, or an Execute of a portal. */
export type Protocol = 'simple' | 'extended';

/** What is known of a statement's text. Made once per text, kept as long as a name refers to it. */
export interface Statement {
  readonly text: Buffer;
  readonly facts: Facts;
  /** The recorder's own form of the text, made once. */
  readonly recorded: unknown;
}

export interface Facts {
  /** First keyword, upper case; `''` for an empty statement. */
  readonly word: string;
}

/** What policy says of a statement, with the rule that said it. */
export type Decision =
  | { readonly outcome: 'allow'; readonly rule: string }
  | { readonly outcome: 'deny'; readonly rule: string; readonly error: GwError };

/** What came of a statement that ran. */
export interface Outcome {
  /** Rows by the command tag, or counted where the portal was suspended; undefined where neither says. */
  readonly rows: number | undefined;
  readonly tag: string | undefined;
  /** `00000`, or what PostgreSQL said. */
  readonly sqlstate: string;
  /** Bytes of the answer. */
  readonly bytes: number;
}

/** A statement admitted by the gate: it may be forwarded once the journal is durable up to `sequence`. */
export interface Ticket {
  readonly id: number;
  readonly sequence: number;
  readonly startedAt: number;
  readonly statement: Statement;
}

/** The journal as the gate needs it. Each method throws GwError `journal_unavailable`. */
export interface Recorder {
  prepare(text: Buffer): unknown;
  /** @returns the journal's sequence number of the intent. */
  intent(id: number, statement: Statement, protocol: Protocol, portalOrName: string): number;
  outcome(id: number, outcome: Outcome, durationMs: number): void;
  refused(id: number, statement: Statement, rule: string, sqlstate: string): void;
}

/** Waiting for the journal: calls back at once when `sequence` is durable already. */
export interface Durability {
  readonly durable: number;
  whenDurable(sequence: number, done: (error: GwError | undefined) => void): void;
}

/** Counters the gate feeds. Called once per statement; must not allocate. */
export interface GateMeter {
  statement(protocol: Protocol, decision: Decision['outcome'], seconds: number): void;
}
