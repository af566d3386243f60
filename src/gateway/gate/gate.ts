import { GwError } from '../../core/errors.ts';
import { commandWord } from '../sql/command-word.ts';
import type { Decision, Facts, GateMeter, Outcome, Protocol, Recorder, Statement, Ticket } from './types.ts';

/**
 * The one place a statement passes. The order is the security property:
 *
 *   understand → decide → journal the intent → (forward, once durable) → (relay the answer) → journal the outcome
 *
 * `understand` runs when a text arrives (Query, Parse); `admit` runs each time it is about to be executed.
 * The session forwards a statement only with a ticket, and only when the journal is durable up to the
 * ticket's sequence. What cannot be recorded is refused. A gate belongs to one session.
 */
export class Gate {
  readonly #decide: (facts: Facts) => Decision;
  readonly #recorder: Recorder;
  readonly #meter: GateMeter;
  readonly #monotonic: () => number;
  #statements = 0;

  constructor(deps: {
    decide: (facts: Facts) => Decision;
    recorder: Recorder;
    meter: GateMeter;
    /** Milliseconds, monotonic. */
    monotonic: () => number;
  }) {
    this.#decide = deps.decide;
    this.#recorder = deps.recorder;
    this.#meter = deps.meter;
    this.#monotonic = deps.monotonic;
  }

  /** Statements this session has sent, refused ones included. */
  get count(): number {
    return this.#statements;
  }

  /** Understands a text. The buffer is kept. */
  understand(text: Buffer): Statement {
    return { text, facts: { word: commandWord(text) }, recorded: this.#recorder.prepare(text) };
  }

  /** Decides about one execution and journals its intent. A refusal is a value: the session answers with it. */
  admit(statement: Statement, protocol: Protocol, name: string): Ticket | GwError {
    const id = ++this.#statements;
    const startedAt = this.#monotonic();
    try {
      const decision = this.#decide(statement.facts);
      if (decision.outcome === 'deny') {
        return this.#refuse(id, statement, protocol, decision.rule, decision.error);
      }
      const sequence = this.#recorder.intent(id, statement, protocol, name);
      return { id, sequence, startedAt, statement };
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Refuses what no policy needs to be asked about, and records it as any refusal. @returns the error to answer with. */
  refuse(statement: Statement, protocol: Protocol, rule: string, error: GwError): GwError {
    try {
      return this.#refuse(++this.#statements, statement, protocol, rule, error);
    } catch (failure) {
      return refusalOf(failure);
    }
  }

  #refuse(id: number, statement: Statement, protocol: Protocol, rule: string, error: GwError): GwError {
    this.#recorder.refused(id, statement, rule, error.sqlstate);
    this.#meter.statement(protocol, 'deny', 0);
    return error;
  }

  /** Journals what came of an admitted statement. A failing journal shows at the next `admit`. */
  settle(ticket: Ticket, protocol: Protocol, outcome: Outcome): void {
    const duration = this.#monotonic() - ticket.startedAt;
    this.#meter.statement(protocol, 'allow', duration / 1_000);
    try {
      this.#recorder.outcome(ticket.id, outcome, duration);
    } catch (error) {
      refusalOf(error);
    }
  }
}

function refusalOf(error: unknown): GwError {
  if (error instanceof GwError && error.code === 'journal_unavailable') return error;
  throw error;
}
