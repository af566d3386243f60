import { type ReadOptions, readJournal } from './read.ts';
import type { JournalEntry, JournalRecord } from './segment-reader.ts';

/**
 * Intents and outcomes joined: one line per statement, given when its outcome is known. A Query message with
 * several statements has one intent and an outcome for each. A journal line is
 * data, not trusted: members of another type than expected are left out.
 */
export interface AuditLine {
  /** Sequence number of the intent (of the outcome, when the intent is not in what was read). */
  readonly sequence: number;
  readonly id: string;
  readonly session: string;
  readonly who?: string | undefined;
  readonly name?: string | undefined;
  readonly target?: string | undefined;
  readonly database?: string | undefined;
  readonly protocol?: string | undefined;
  readonly prepared?: string | undefined;
  readonly text?: string | undefined;
  /** Only the beginning of the text was kept. */
  readonly truncated: boolean;
  /** RFC 3339 */
  readonly start?: string | undefined;
  /**
   * `done`: it ran, `sqlstate` says how it went. `refused`: it did not run, for `rule`. `unfinished`: the session or the
   * gateway ended before its outcome. `running`: nothing more is in the journal yet.
   */
  readonly state: 'done' | 'refused' | 'unfinished' | 'running';
  readonly rule?: string | undefined;
  readonly rows?: number | undefined;
  readonly tag?: string | undefined;
  readonly sqlstate?: string | undefined;
  readonly durationUs?: number | undefined;
  readonly bytes?: number | undefined;
}

/** Statements kept while their outcome is awaited; beyond it the oldest is given as `running`. */
const MAX_OPEN = 100_000;

/** The statements in a journal's folder; with `follow` as they come. */
export function readAudit(folder: string, options: ReadOptions = {}): AsyncGenerator<AuditLine> {
  return auditLines(readJournal(folder, options));
}

/** Joins the records of a journal, given in their order. */
export async function* auditLines(entries: AsyncIterable<JournalEntry>): AsyncGenerator<AuditLine> {
  const open = new Map<string, AuditLine>();
  /** Of each session the line last given: more outcomes of the same text may follow. */
  const given = new Map<string, AuditLine>();
  for await (const { sequence, record } of entries) {
    switch (record.event) {
      case 'statement':
        open.set(text(record.id) ?? '', { ...called(sequence, record), state: 'running' });
        if (open.size > MAX_OPEN) yield* close(open, isFirst(), {});
        break;
      case 'outcome':
        yield outcome(open, given, sequence, record);
        break;
      case 'statement_refused':
        yield { ...called(sequence, record), state: 'refused', ...refusal(record) };
        break;
      case 'journal_recovered':
        yield* close(open, isIn(record), {
          state: 'refused',
          rule: 'journal_unavailable',
          sqlstate: '58030',
        });
        break;
      case 'session_ended':
        yield* close(open, (line) => line.session === record.session, { state: 'unfinished' });
        given.delete(text(record.session) ?? '');
        break;
      case 'gateway_started':
        yield* close(open, () => true, { state: 'unfinished' });
        given.clear();
        break;
    }
  }
  yield* open.values();
}

function* close(
  open: Map<string, AuditLine>,
  isMeant: (line: AuditLine) => boolean,
  change: Partial<AuditLine>,
): Generator<AuditLine> {
  for (const [id, line] of open) {
    if (!isMeant(line)) continue;
    open.delete(id);
    yield { ...line, ...change };
  }
}

function isFirst(): () => boolean {
  let isNext = true;
  return () => {
    const was = isNext;
    isNext = false;
    return was;
  };
}

function isIn(record: JournalRecord): (line: AuditLine) => boolean {
  const from = number(record.from) ?? 0;
  const to = number(record.to) ?? -1;
  return (line) => line.sequence >= from && line.sequence <= to;
}

function called(sequence: number, record: JournalRecord): Omit<AuditLine, 'state'> {
  return {
    sequence,
    id: text(record.id) ?? '',
    session: text(record.session) ?? '',
    who: text(record.who),
    name: text(record.name),
    target: text(record.target),
    database: text(record.database),
    protocol: text(record.protocol),
    prepared: text(record.prepared),
    text: text(record.text),
    truncated: record.truncated === true,
    start: text(record.start),
  };
}

function refusal(record: JournalRecord): Pick<AuditLine, 'rule' | 'sqlstate'> {
  return { rule: text(record.rule), sqlstate: text(record.sqlstate) };
}

function outcome(
  open: Map<string, AuditLine>,
  given: Map<string, AuditLine>,
  sequence: number,
  record: JournalRecord,
): AuditLine {
  const id = text(record.id) ?? '';
  const session = text(record.session) ?? '';
  const last = given.get(session);
  const intent = open.get(id) ?? (last?.id === id ? last : undefined);
  open.delete(id);
  const line: AuditLine = {
    ...(intent ?? called(sequence, record)),
    state: 'done',
    rows: number(record.rows),
    tag: text(record.tag),
    sqlstate: text(record.sqlstate),
    durationUs: number(record.duration_us),
    bytes: number(record.bytes),
  };
  given.set(session, line);
  return line;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
