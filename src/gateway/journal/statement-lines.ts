import { type JsonText, jsonString } from './json-text.ts';

/**
 * The lines of one session's statements, written as bytes: this runs twice per statement. What is the same
 * in all of them is escaped once, at the start of the session.
 *
 * An intent says who runs what; the outcome refers to it by `id`. docs/audit.md has the format.
 */

export interface SessionFacts {
  /** Unique for ever. */
  readonly id: string;
  /** Identity: issuer and subject. */
  readonly who: string;
  /** What people call that identity. */
  readonly name: string;
  readonly target: string;
  readonly database: string;
}

export type StatementProtocol = 'simple' | 'extended';

export interface IntentFacts {
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly protocol: StatementProtocol;
  /** Prepared statement or portal; empty for the unnamed one. One character per byte. */
  readonly prepared: string;
}

export interface RefusalFacts {
  /** Milliseconds since the epoch. */
  readonly start: number;
  /** The rule that refused it. */
  readonly rule: string;
  readonly sqlstate: string;
}

export interface OutcomeFacts {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly rows: number | undefined;
  readonly tag: string | undefined;
  /** `00000` when all went well. */
  readonly sqlstate: string;
  readonly durationMs: number;
  /** Bytes of the answer. */
  readonly bytes: number;
}

/** Lines are made here and copied by the journal at once; one for all sessions. */
const SCRATCH_BYTES = 64 * 1024;
/** More than everything in a line but prefix, text and name: digits, times, tags and member names. */
const MEMBERS_BYTES = 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

const START = Buffer.from('","start":"');
const SIMPLE = Buffer.from('","protocol":"simple",');
const EXTENDED = Buffer.from('","protocol":"extended",');
const PREPARED = Buffer.from('"prepared":');
const QUOTE_COMMA = Buffer.from('",');
const TIME = Buffer.from('","time":"');
const ROWS = Buffer.from('","rows":');
const NULL = Buffer.from('null');
const DURATION = Buffer.from(',"duration_us":');
const BYTES = Buffer.from(',"bytes":');
const SQLSTATE = Buffer.from(',"sqlstate":');
const TAG = Buffer.from(',"tag":');

function put(out: Buffer, at: number, piece: Buffer): number {
  out.set(piece, at);
  return at + piece.length;
}

/** Milliseconds → `2025-01-31T10:00:00.123Z`; the same instant is asked for many times over. */
let stampMs = Number.NaN;
const stamp = Buffer.alloc(24);
function writeTime(out: Buffer, at: number, ms: number): number {
  if (ms !== stampMs) {
    stamp.write(new Date(ms).toISOString(), 0, 'latin1');
    stampMs = ms;
  }
  out.set(stamp, at);
  return at + 24;
}

export class StatementLines {
  /** Holds the line last made, up to the length that was returned; valid until any session makes the next. */
  bytes: Buffer = scratch;
  readonly #intent: Buffer;
  readonly #outcome: Buffer;
  readonly #refused: Buffer;

  constructor(session: SessionFacts) {
    const id = `"session":${jsonString(session.id)}`;
    const who = `"who":${jsonString(session.who)},"name":${jsonString(session.name)}`;
    const where = `"target":${jsonString(session.target)},"database":${jsonString(session.database)}`;
    const number = `"id":${jsonString(`${session.id}.`).slice(0, -1)}`;
    this.#intent = Buffer.from(`{"event":"statement",${id},${who},${where},${number}`);
    this.#refused = Buffer.from(`{"event":"statement_refused",${id},${who},${where},${number}`);
    this.#outcome = Buffer.from(`{"event":"outcome",${id},${number}`);
  }

  /** A statement is about to run. @returns the length of the line in `bytes`. */
  intent(statement: number, text: JsonText, facts: IntentFacts): number {
    let at = this.#begin(this.#intent, statement, text.json.length + facts.prepared.length * 6);
    const out = this.bytes;
    at = this.#call(at, facts);
    at = put(out, at, text.json);
    out[at] = 0x7d;
    return at + 1;
  }

  /** A statement was refused by a rule and did not run. */
  refused(statement: number, text: JsonText, facts: RefusalFacts): number {
    const rule = `"rule":${jsonString(facts.rule)},"sqlstate":${jsonString(facts.sqlstate)},`;
    let at = this.#begin(this.#refused, statement, text.json.length + rule.length * 3);
    const out = this.bytes;
    at = writeTime(out, put(out, at, START), facts.start);
    at = put(out, at, QUOTE_COMMA);
    at += out.write(rule, at);
    at = put(out, at, text.json);
    out[at] = 0x7d;
    return at + 1;
  }

  /** What came of a statement. */
  outcome(statement: number, facts: OutcomeFacts): number {
    const tag = facts.tag ?? '';
    let at = this.#begin(this.#outcome, statement, (tag.length + facts.sqlstate.length) * 6);
    const out = this.bytes;
    at = writeTime(out, put(out, at, TIME), facts.time);
    at = put(out, at, ROWS);
    at = facts.rows === undefined ? put(out, at, NULL) : writeInteger(out, at, facts.rows);
    at = writeInteger(out, put(out, at, DURATION), Math.round(facts.durationMs * 1_000));
    at = writeInteger(out, put(out, at, BYTES), facts.bytes);
    at = writeString(out, put(out, at, SQLSTATE), facts.sqlstate);
    if (tag !== '') at = writeString(out, put(out, at, TAG), tag);
    out[at] = 0x7d;
    return at + 1;
  }

  #begin(prefix: Buffer, statement: number, more: number): number {
    const size = prefix.length + more + MEMBERS_BYTES;
    this.bytes = size <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(size);
    this.bytes.set(prefix, 0);
    return writeInteger(this.bytes, prefix.length, statement);
  }

  /** How it came: start, protocol and name. */
  #call(from: number, facts: IntentFacts): number {
    const out = this.bytes;
    let at = writeTime(out, put(out, from, START), facts.start);
    at = put(out, at, facts.protocol === 'simple' ? SIMPLE : EXTENDED);
    if (facts.prepared === '') return at;
    at = writeString(out, put(out, at, PREPARED), facts.prepared);
    out[at] = 0x2c;
    return at + 1;
  }
}

/** Digits of a count; what is none (a clock that went back) counts as 0. */
function writeInteger(out: Buffer, at: number, value: number): number {
  let rest = value > 0 && value <= Number.MAX_SAFE_INTEGER ? Math.floor(value) : 0;
  let end = at + 1;
  for (let more = rest; more >= 10; more = Math.floor(more / 10)) end++;
  for (let i = end - 1; i >= at; i--) {
    out[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return end;
}

/** A JSON string; short plain ones (names, tags, codes) without leaving JavaScript. */
function writeString(out: Buffer, from: number, text: string): number {
  if (text.length > 64) return from + out.write(jsonString(text), from);
  let at = from;
  out[at++] = 0x22;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) {
      return from + out.write(jsonString(text), from);
    }
    out[at++] = unit;
  }
  out[at++] = 0x22;
  return at;
}
