import type { Clock } from '../core/clock.ts';
import type { GwError } from '../core/errors.ts';
import type { Recorder } from './gate/types.ts';
import type { Journal } from './journal/journal.ts';
import { cancelRequested, sessionEnded, sessionRefused, sessionStarted } from './journal/records.ts';
import { StatementRecorder } from './journal/statement-recorder.ts';
import type { Opening, SessionFacts, SessionRecord, SessionTotals } from './session/types.ts';

/** What sessions record, as lines of the journal. */
export function sessionRecord(journal: Journal, clock: Clock, facts: SessionFacts): SessionRecord {
  const { identity, id: session, target, database } = facts;
  const person = { who: identity.id, name: identity.email ?? identity.name };
  const statements: Recorder = new StatementRecorder(
    journal,
    { id: session, ...person, target, database },
    clock,
  );
  return {
    prepare: (text) => statements.prepare(text),
    intent: (id, statement, protocol, name) => statements.intent(id, statement, protocol, name),
    outcome: (id, outcome, durationMs) => statements.outcome(id, outcome, durationMs),
    refused: (id, statement, rule, sqlstate) => statements.refused(id, statement, rule, sqlstate),
    started: () =>
      journal.append(
        sessionStarted(facts.startedAtMs, {
          session,
          grant: facts.grantId,
          ...person,
          kind: identity.kind,
          provider: identity.provider,
          groups: identity.groups,
          target,
          database,
          remote: facts.remoteAddress,
          via: facts.via,
          application: facts.applicationName,
          endsAt: facts.endsAtMs,
        }),
      ),
    cancelRequested: () =>
      journal.note(cancelRequested(clock.now(), { session, remote: facts.remoteAddress })),
    ended: (totals: SessionTotals) =>
      journal.note(sessionEnded(clock.now(), { session, ...person, target, ...totals })),
  };
}

/** An identity that is known and was not let in. */
export function recordRefusal(journal: Journal, clock: Clock, opening: Opening, error: GwError): void {
  const { identity, target, remoteAddress } = opening;
  journal.note(
    sessionRefused(clock.now(), {
      who: identity.id,
      name: identity.email ?? identity.name,
      target,
      remote: remoteAddress,
      code: error.code,
      message: error.message,
    }),
  );
}
