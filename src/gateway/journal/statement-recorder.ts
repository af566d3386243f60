import type { Clock } from '../../core/clock.ts';
import type { Journal } from './journal.ts';
import { type JsonText, jsonText } from './json-text.ts';
import { type SessionFacts, StatementLines, type StatementProtocol } from './statement-lines.ts';

/** What came of a statement, as the gate says it. */
export interface RecordedOutcome {
  readonly rows: number | undefined;
  readonly tag: string | undefined;
  readonly sqlstate: string;
  /** Bytes of the answer. */
  readonly bytes: number;
}

/** A statement as the gate hands it over; `recorded` is what `prepare` made of its text. */
export interface RecordedStatement {
  readonly recorded: unknown;
}

/** Journals the statements of one session. Runs twice per statement: no allocation. */
export class StatementRecorder {
  readonly #journal: Pick<Journal, 'append' | 'note'>;
  readonly #lines: StatementLines;
  readonly #clock: Clock;
  // Used again for each statement.
  readonly #intent = { start: 0, protocol: 'simple' as StatementProtocol, prepared: '' };
  readonly #outcome = {
    time: 0,
    rows: undefined as number | undefined,
    tag: undefined as string | undefined,
    sqlstate: '',
    durationMs: 0,
    bytes: 0,
  };

  constructor(journal: Pick<Journal, 'append' | 'note'>, session: SessionFacts, clock: Clock) {
    this.#journal = journal;
    this.#lines = new StatementLines(session);
    this.#clock = clock;
  }

  /** The journal's form of a text; made once per text. */
  prepare(text: Uint8Array): JsonText {
    return jsonText(text);
  }

  /**
   * A statement is about to run.
   * @returns the sequence number that must be durable before it does.
   * @throws GwError `journal_unavailable`
   */
  intent(id: number, statement: RecordedStatement, protocol: StatementProtocol, prepared: string): number {
    const facts = this.#intent;
    facts.start = this.#clock.now();
    facts.protocol = protocol;
    facts.prepared = prepared;
    const length = this.#lines.intent(id, statement.recorded as JsonText, facts);
    return this.#journal.append(this.#lines.bytes, length);
  }

  /** What came of it. Never throws. */
  outcome(id: number, outcome: RecordedOutcome, durationMs: number): void {
    const facts = this.#outcome;
    facts.time = this.#clock.now();
    facts.rows = outcome.rows;
    facts.tag = outcome.tag;
    facts.sqlstate = outcome.sqlstate;
    facts.durationMs = durationMs;
    facts.bytes = outcome.bytes;
    const length = this.#lines.outcome(id, facts);
    this.#journal.note(this.#lines.bytes, length);
  }

  /**
   * A statement was refused by `rule` and does not run.
   * @throws GwError `journal_unavailable`
   */
  refused(id: number, statement: RecordedStatement, rule: string, sqlstate: string): void {
    const facts = { start: this.#clock.now(), rule, sqlstate };
    const length = this.#lines.refused(id, statement.recorded as JsonText, facts);
    this.#journal.append(this.#lines.bytes, length);
  }
}
